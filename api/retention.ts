import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { dropOldPartitions } from '../storage/partitions';

const INTERVAL_MS = 3_600_000;

export interface Retention {
  stop(): Promise<void>;
}

/** Drops days of samples that are older than `retentionMs`: now and every hour. What fails is tried again then. */
export function startRetention(deps: {
  pool: Pool;
  logger: Logger;
  now: () => number;
  retentionMs: number;
}): Retention {
  const { pool, logger, now, retentionMs } = deps;
  async function drop(): Promise<void> {
    try {
      const dropped = await dropOldPartitions(pool, now(), retentionMs);
      if (dropped.length > 0) logger.info({ dropped }, 'old samples dropped');
    } catch (error) {
      logger.warn({ err: error }, 'old samples cannot be dropped; trying again in an hour');
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
