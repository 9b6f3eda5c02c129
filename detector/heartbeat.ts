import type { Pool } from 'pg';
import { admit } from '../storage/admission';
import {
  hasOpenRequest,
  markApiStarted,
  outboxAgeSeconds,
  setDegraded,
} from '../storage/control-plane';
import { hasStorm } from '../storage/storms';
import { inTransaction } from '../storage/database';
import { refreshMembers } from '../storage/groups';
import { lockRevisions } from '../storage/revision-lock';
import { loadNewestRevision } from '../storage/detector-load';
import type { DetectorMetrics } from './metrics';
import type { Tick } from './tick';
import type { Watch } from './watch';

const MAX_OUTBOX_AGE_SECONDS = 30;
const UNKNOWN_WINDOW_MS = 60_000;
const UNKNOWN_SHARE = 0.3;
const UNKNOWN_COUNT = 5;

export interface HeartbeatDeps {
  pool: Pool;
  watch: Watch;
  tick: Tick;
  now: () => number;
  metrics: DetectorMetrics;
}

/**
 * What the detector does each second: notice new revisions, say whether the control plane is to be
 * trusted, and let admission look at requests that wait for that, for a cooldown or for a pause.
 */
export function createHeartbeat(deps: HeartbeatDeps): () => Promise<void> {
  const { pool, watch, tick, now, metrics } = deps;
  const startedAt = now();
  let hasStarted = false;
  let degraded: string | null = null;

  return async () => {
    if (!hasStarted) await begin(pool, startedAt);
    hasStarted = true;
    if ((await loadNewestRevision(pool)) !== watch.revision()) tick.reload();
    tick.poke();
    const age = await outboxAgeSeconds(pool);
    metrics.outboxAge.set(age);
    metrics.pairs.set([...watch.pairs()].length);
    const reason = degradedBy(age, watch, now());
    if (reason !== degraded) await setDegraded(pool, reason);
    degraded = reason;
    if ((await hasOpenRequest(pool)) || (await hasStorm(pool))) {
      await admit(pool, { isThorough: true });
    }
  };
}

/** What this version makes of the manifests that an earlier one stored. */
async function begin(pool: Pool, startedAt: number): Promise<void> {
  await inTransaction(pool, async (db) => {
    await lockRevisions(db);
    await refreshMembers(db);
  });
  await markApiStarted(pool, startedAt);
}

/** Why nobody should act on what the control plane believes; null: it may be trusted. */
export function degradedBy(
  outboxAge: number,
  watch: Pick<Watch, 'pairs' | 'managedCount'>,
  now: number,
): string | null {
  if (outboxAge > MAX_OUTBOX_AGE_SECONDS) {
    return 'messages to Temporal wait for more than 30 s';
  }
  const turned = new Set<string>();
  for (const { resource, unknownAt } of watch.pairs()) {
    const isRecent = unknownAt !== null && now - unknownAt <= UNKNOWN_WINDOW_MS;
    if (isRecent && resource.spec !== null) turned.add(resource.key);
  }
  const isMany = turned.size >= UNKNOWN_COUNT;
  return isMany && turned.size > UNKNOWN_SHARE * watch.managedCount()
    ? 'more than 30 % of the resources turned unknown within a minute'
    : null;
}
