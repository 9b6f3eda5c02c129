import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { sealedAfter, type AuditRow } from '../storage/audit-read';
import { listen } from '../storage/listen';
import { loadDesired, loadLocks } from '../storage/mirror';
import type { RedisLink } from '../storage/redis';
import { newestSeal } from '../storage/seals';
import { toAuditAnswer } from './answers';
import { toTimeOrNull } from './times';
import { createWaker } from './waker';

const BATCH = 200;
/** The net below NOTIFY. */
const POLL_MS = 10_000;

const CHANNELS: Readonly<Record<string, string>> = {
  requested: 'actions:requested',
  drift_detected: 'drift:detected',
};
/** After these a slot was granted or freed. */
const MOVES_LOCK = new Set(['admitted', 'recorded', 'reaped', 'withdrawn']);

export interface Mirror {
  close(): Promise<void>;
}

interface MirrorDeps {
  pool: Pool;
  redis: RedisLink;
  logger: Logger;
}

/**
 * Tells outsiders through Redis what happened: channels `actions:requested` and `drift:detected`, keys
 * `desired_state:{resource}` and `action_locks:{target}`. Always after the fact, and never read here.
 * What was lost while Redis was away is mirrored again when it is back; events are not.
 */
export function startMirror(deps: MirrorDeps): Mirror {
  const { pool, redis, logger } = deps;
  const waker = createWaker();
  const work = createWork(deps);
  let isClosed = false;
  let isFailing = false;

  const refreshAll = (): void => {
    work.repeatAll();
    waker.wake();
  };
  redis.client.on('ready', refreshAll);
  const listener = listen(pool, {
    channels: ['vigil_sealed', 'vigil_revision'],
    onNotify: (channel) => {
      if (channel === 'vigil_revision') work.repeatDesired();
      waker.wake();
    },
    onListening: () => {
      work.repeatDesired();
      waker.wake();
    },
  });

  async function round(): Promise<boolean> {
    try {
      const hasMore = await work.round();
      isFailing = false;
      return hasMore;
    } catch (error) {
      if (!isFailing) logger.error({ err: error }, 'Redis is not kept up to date; trying again');
      isFailing = true;
      work.repeatAll();
      return false;
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      const hasMore = await round();
      if (!hasMore) await waker.wait(POLL_MS);
    }
  }

  const running = run();
  return {
    async close() {
      isClosed = true;
      redis.client.off('ready', refreshAll);
      waker.wake();
      await Promise.all([running, listener.close()]);
    },
  };
}

interface Work {
  /** Does what is due; true: there is more. */
  round: () => Promise<boolean>;
  repeatDesired: () => void;
  repeatAll: () => void;
}

function createWork(deps: MirrorDeps): Work {
  const { pool, redis } = deps;
  /** Revision mirrored last; null: deleted. */
  const mirrored = new Map<string, number | null>();
  let seal: number | null = null;
  let isDesiredDue = true;
  let areLocksDue = true;
  return {
    repeatDesired() {
      isDesiredDue = true;
    },
    repeatAll() {
      mirrored.clear();
      isDesiredDue = true;
      areLocksDue = true;
    },
    async round() {
      seal ??= await newestSeal(pool);
      if (isDesiredDue) {
        isDesiredDue = false;
        await mirrorDesired(deps, mirrored);
      }
      if (areLocksDue) {
        areLocksDue = false;
        await mirrorLocks(deps, null);
      }
      const rows = await sealedAfter(pool, { seal, namespace: null, limit: BATCH });
      publish(redis, rows);
      await mirrorLocks(deps, lockTargets(rows));
      seal = rows.at(-1)?.seal ?? seal;
      return rows.length === BATCH;
    },
  };
}

/** Only what changed since it was mirrored last. */
async function mirrorDesired(
  { pool, redis }: MirrorDeps,
  mirrored: Map<string, number | null>,
): Promise<void> {
  for (const { resource, revision, spec } of await loadDesired(pool)) {
    const version = spec === null ? null : revision;
    if (mirrored.get(resource) === version) continue;
    redis.mirror(`desired_state:${resource}`, spec);
    mirrored.set(resource, version);
  }
}

/** `targets` null: all of them. */
async function mirrorLocks(
  { pool, redis }: MirrorDeps,
  targets: readonly string[] | null,
): Promise<void> {
  if (targets?.length === 0) return;
  for (const { target, actionId, token, grantedAt } of await loadLocks(pool, targets)) {
    const lock = actionId === null ? null : { actionId, token, grantedAt: toTimeOrNull(grantedAt) };
    redis.mirror(`action_locks:${target}`, lock);
  }
}

function lockTargets(rows: readonly AuditRow[]): string[] {
  const moved = rows.filter(({ event }) => MOVES_LOCK.has(event));
  return [...new Set(moved.flatMap(({ resource }) => resource ?? []))];
}

function publish(redis: RedisLink, rows: readonly AuditRow[]): void {
  for (const row of rows) {
    const channel = CHANNELS[row.event];
    if (channel !== undefined) redis.publish(channel, toAuditAnswer(row));
  }
}
