import type { Pool } from 'pg';
import type { Registry } from 'prom-client';
import { createChannel } from '../activities/channels/table';
import { deliverNext, type DeliverDeps, type NamedChannel } from '../activities/notices/deliver';
import { createNoticeMetrics } from '../activities/notices/metrics';
import { targetsOf } from '../activities/notices/route';
import type { NoticeSettings } from '../activities/notices/settings';
import { tellStanding } from '../activities/notices/standing';
import { createBell } from '../platform/bell';
import type { Logger } from '../platform/logger';
import { listen } from '../storage/listen';
import { routeNotices, type Routed } from '../storage/notice-routing';
import {
  countWaiting,
  dropOldNotices,
  giveUpForgotten,
  remind,
  showChannels,
} from '../storage/notice-sweep';
import { NOTICE_CHANNEL } from '../storage/notices';

/** What is on its way when the process stops has so long to arrive. */
const GRACE_MS = 2000;

export interface NotifierOptions {
  pool: Pool;
  logger: Logger;
  registry: Registry;
  /** Epoch ms. */
  now: () => number;
  settings: NoticeSettings;
  /** Temporal's, for links. */
  namespace: string;
  /** The net below NOTIFY, ms. */
  pollMs?: number;
  /** How often standing reasons, reminders and old notices are looked for, ms. */
  sweepMs?: number;
  /** First and longest pause after a failure, ms. */
  retryMs?: number;
  longestRetryMs?: number;
}

export interface Notifier {
  /** Ends after what is on its way, or two seconds later. */
  stop: () => Promise<void>;
}

/**
 * Tells people: routes new notices, and lets each channel work off its own in a loop of its own, so
 * that one that hangs keeps nobody waiting. Any number of workers may run one.
 */
export function startNotifier(options: NotifierOptions): Notifier {
  const { pool, logger, settings, pollMs = 2000, sweepMs = 10_000 } = options;
  const abort = new AbortController();
  const deps = deliverDeps(options, abort.signal);
  const channels = namedChannels(options);
  const router = createBell();
  const bells = channels.map(() => createBell());
  let sweptAt = -Infinity;

  async function route(): Promise<void> {
    const now = options.now();
    if (now - sweptAt >= sweepMs) {
      sweptAt = now;
      await sweep(pool, { channels, settings, deps });
    }
    for (;;) {
      const routed = await routeNotices(pool, (notice) => targetsOf(notice, settings));
      for (const one of routed) say(logger, one);
      if (routed.length === 0) break;
    }
    for (const bell of bells) bell.ring();
  }

  const running = [
    loop({ bell: router, pollMs, logger, what: 'notices cannot be routed' }, route),
    ...channels.map((named, c) => {
      const bell = bells[c] ?? router;
      const what = `channel ${named.name} cannot be worked off`;
      return loop({ bell, pollMs, logger, what }, async () => {
        while (!bell.isStopped() && (await deliverNext(deps, named)));
      });
    }),
  ];
  const listener = listen(pool, { channels: [NOTICE_CHANNEL], onNotify: router.ring });
  return {
    async stop() {
      for (const bell of [router, ...bells]) bell.stop();
      const grace = setTimeout(() => {
        abort.abort();
      }, GRACE_MS);
      await Promise.all([...running, listener.close()]);
      clearTimeout(grace);
    },
  };
}

/** Does it again and again, after a ring or the poll; a failure is logged once until it succeeds. */
async function loop(
  on: { bell: ReturnType<typeof createBell>; pollMs: number; logger: Logger; what: string },
  work: () => Promise<void>,
): Promise<void> {
  let isFailing = false;
  while (!on.bell.isStopped()) {
    try {
      await work();
      isFailing = false;
    } catch (err) {
      if (!isFailing) on.logger.warn({ err, what: on.what }, 'notifier failed, trying again');
      isFailing = true;
    }
    await on.bell.wait(on.pollMs);
  }
}

interface Swept {
  channels: readonly NamedChannel[];
  settings: NoticeSettings;
  deps: DeliverDeps;
}

async function sweep(pool: Pool, { channels, settings, deps }: Swept): Promise<void> {
  const { heldAfter, giveUpAfter, retention } = settings.notices;
  await tellStanding(pool, heldAfter);
  const refresh = channels.flatMap(({ name, channel: { refreshMs } }) =>
    refreshMs === null ? [] : [[name, refreshMs] as const],
  );
  await remind(pool, Object.fromEntries(refresh));
  const givenUp = await giveUpForgotten(pool, giveUpAfter);
  if (givenUp > 0)
    deps.logger.error({ givenUp }, 'notices of channels that nobody has are given up');
  await dropOldNotices(pool, retention);
  await showChannels(
    pool,
    channels.map(({ name, channel }) => ({ name, type: channel.type })),
  );
  deps.metrics.waiting.set(await countWaiting(pool));
}

/** Without any channel this is where people are told. */
function say(logger: Logger, { notice, fate, channels }: Routed): void {
  const { kind, key, resource, severity, title } = notice;
  const fields = { kind, key, resource, severity, title, channels };
  if (fate === 'opened' || fate === 'said') logger.warn(fields, 'notice');
  if (fate === 'ended') logger.info(fields, 'notice resolved');
}

function namedChannels({ settings, now }: NotifierOptions): NamedChannel[] {
  return Object.entries(settings.channels).map(([name, channel]) => ({
    name,
    channel: createChannel(channel, { now }),
    perMinute: channel.perMinute,
    timeoutMs: channel.timeout,
  }));
}

function deliverDeps(options: NotifierOptions, signal: AbortSignal): DeliverDeps {
  const { pool, logger, registry, settings, namespace } = options;
  const base = settings.uiUrl?.replace(/\/+$/, '');
  return {
    ...{ pool, logger, signal },
    metrics: createNoticeMetrics(registry),
    pages: base === undefined ? null : `${base}/namespaces/${encodeURIComponent(namespace)}`,
    retryMs: options.retryMs ?? 5000,
    longestRetryMs: options.longestRetryMs ?? 600_000,
    giveUpAfterMs: settings.notices.giveUpAfter,
  };
}
