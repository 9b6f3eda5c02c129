import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { inTransaction } from '../storage/database';
import { loadNeedingWorkflow, loadUnhandled } from '../storage/deliveries';
import { lockVerdicts, nextVersions } from '../storage/verdicts';
import { resourceWorkflowId } from '../workflows/contract';
import { announce } from './announce';
import type { TemporalCalls } from './calls';
import { createOutage } from './outage';

/** How many workflows Temporal is asked about at once. */
const ASKED_AT_ONCE = 16;

export interface SweepDeps {
  pool: Pool;
  calls: TemporalCalls;
  now: () => number;
  logger: Logger;
  /** What was sent longer ago and is not handled is sent again. */
  unhandledMs: number;
}

/**
 * Heals what the fast path cannot see: signals that a lost Temporal database swallowed, and
 * workflows that were terminated while something depends on them.
 */
export function createSweep(deps: SweepDeps): () => Promise<void> {
  const outage = createOutage(deps.logger, {
    failed: 'the sweep did not finish; the next one tries again',
    ended: 'the sweep finishes again',
  });
  return async () => {
    try {
      await resendUnhandled(deps);
      await startMissing(deps);
      outage.ended();
    } catch (error) {
      outage.failed(error);
    }
  };
}

/** With the version it had: a workflow that knows it only acknowledges. */
async function resendUnhandled({ pool, now, unhandledMs }: SweepDeps): Promise<void> {
  await inTransaction(pool, async (db) => {
    await lockVerdicts(db);
    const unhandled = await loadUnhandled(db, now() - unhandledMs);
    const resent = unhandled.map((sent) => ({ ...sent, starts: false, correlationId: null }));
    await announce(db, resent, now());
  });
}

/** With a new version, so that no run takes it for one that it has seen. */
async function startMissing(deps: SweepDeps): Promise<void> {
  const { pool, now, logger } = deps;
  const missing = await findMissing(deps, await loadNeedingWorkflow(pool));
  if (missing.length === 0) return;
  await inTransaction(pool, async (db) => {
    await lockVerdicts(db);
    const versions = await nextVersions(db, missing.length);
    const announcements = missing.map((resource, i) => ({
      resource,
      version: versions[i] ?? 0,
      starts: true,
      correlationId: null,
    }));
    await announce(db, announcements, now());
  });
  for (const resource of missing) logger.warn({ resource }, 'workflow missing; starting it');
}

async function findMissing({ calls }: SweepDeps, resources: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (let i = 0; i < resources.length; i += ASKED_AT_ONCE) {
    const batch = resources.slice(i, i + ASKED_AT_ONCE);
    const running = await Promise.all(
      batch.map((resource) => calls.isRunning(resourceWorkflowId(resource))),
    );
    missing.push(...batch.filter((_, at) => running[at] !== true));
  }
  return missing;
}
