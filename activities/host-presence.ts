import type { Client } from '@temporalio/client';
import { hostQueue } from '../workflows/contract';

/** An idle poller is heard of about once a minute. */
const SILENT_AFTER_MS = 70_000;
const REMEMBERED_MS = 3000;
const DEADLINE_MS = 2000;

/** Temporal's numbers: the activity type of a queue, and the mode that asks all of its partitions. */
const ACTIVITY_QUEUE = 2;
const ENHANCED = 1;

interface Poller {
  identity: string;
  /** Epoch ms. */
  lastAccessAt: number;
}

interface Answer {
  askedAt: number;
  reason: Promise<string | null>;
}

/** The memory lives as long as the client that asked. */
const remembered = new WeakMap<Client, Map<string, Answer>>();

/**
 * Why nobody can act on a host now; null when one worker polls for it, and while Temporal cannot be
 * asked: then nothing could be started anyway. Remembered for some seconds.
 */
export function hostAway(temporal: Client, host: string): Promise<string | null> {
  const now = Date.now();
  const answers = remembered.get(temporal) ?? new Map<string, Answer>();
  remembered.set(temporal, answers);
  const known = answers.get(host);
  if (known !== undefined && now - known.askedAt < REMEMBERED_MS) return known.reason;
  const reason = pollersOf(temporal, host).then(
    (pollers) => awayReason(host, pollers, now),
    () => null,
  );
  answers.set(host, { askedAt: now, reason });
  return reason;
}

/** Pure: what the pollers of a host's queue say of it; null: one worker is there. */
export function awayReason(host: string, pollers: readonly Poller[], now: number): string | null {
  const present = pollers.filter(({ lastAccessAt }) => now - lastAccessAt < SILENT_AFTER_MS);
  const identities = [...new Set(present.map(({ identity }) => identity))].sort();
  if (identities.length > 1) {
    return `${identities.length} workers claim host ${host}: ${identities.join(', ')}`;
  }
  if (identities.length === 1) return null;
  const last = Math.max(...pollers.map(({ lastAccessAt }) => lastAccessAt));
  return Number.isFinite(last)
    ? `the worker of host ${host} was last heard of at ${new Date(last).toISOString()}`
    : `no worker polls for host ${host}: start ./vigil worker --host ${host} there`;
}

async function pollersOf(temporal: Client, host: string): Promise<Poller[]> {
  const { namespace } = temporal.options;
  const { workflowService } = temporal.connection;
  const answer = await temporal.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
    workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: hostQueue(host) },
      taskQueueType: ACTIVITY_QUEUE,
      apiMode: ENHANCED,
      taskQueueTypes: [ACTIVITY_QUEUE],
      reportPollers: true,
    }),
  );
  const versions = Object.values(answer.versionsInfo);
  const found = versions.flatMap(({ typesInfo }) =>
    Object.values(typesInfo ?? {}).flatMap((type) => type.pollers ?? []),
  );
  return [...found, ...answer.pollers].map(({ identity, lastAccessTime }) => ({
    identity: identity ?? '',
    lastAccessAt: Number(lastAccessTime?.seconds ?? 0) * 1000,
  }));
}
