import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { listChains, pruneChain } from '../storage/audit-retention';
import { dropOldPartitions } from '../storage/partitions';

const INTERVAL_MS = 3_600_000;

export interface Retention {
  stop(): Promise<void>;
}

/**
 * Drops days of samples that are older than `retentionMs`, and audit rows older than `auditMs` (null:
 * none): now and every hour. What fails is tried again then.
 */
export function startRetention(deps: {
  pool: Pool;
  logger: Logger;
  now: () => number;
  retentionMs: number;
  auditMs: number | null;
}): Retention {
  const { pool, logger, now, retentionMs, auditMs } = deps;
  async function drop(): Promise<void> {
    try {
      const dropped = await dropOldPartitions(pool, now(), retentionMs);
      if (dropped.length > 0) logger.info({ dropped }, 'old samples dropped');
      if (auditMs !== null) await dropAudit(now() - auditMs);
    } catch (error) {
      logger.warn({ err: error }, 'old rows cannot be dropped; trying again in an hour');
    }
  }
  async function dropAudit(before: number): Promise<void> {
    for (const namespace of await listChains(pool)) {
      const pruned = await pruneChain(pool, { namespace, before, actor: 'vigil' });
      if (pruned !== null) logger.info({ namespace, ...pruned }, 'old audit rows dropped');
    }
  }
  let running = drop();
  const timer = setInterval(() => {
    running = drop();
  }, INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
