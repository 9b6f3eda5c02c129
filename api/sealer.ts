import type { Pool } from 'pg';
import type { Logger } from '../platform/logger';
import { listen } from '../storage/listen';
import { sealBatch } from '../storage/seals';
import { createWaker } from './waker';

const BATCH = 500;
const POLL_MS = 1000;

export interface SealerDeps {
  pool: Pool;
  logger: Logger;
  /** How long a row waits at most when no notification comes. */
  pollMs?: number;
}

export interface Sealer {
  close(): Promise<void>;
}

/**
 * Seals audit rows as they become visible: woken by `vigil_audit`, with a poll as net. Any number may
 * run, in any process; one seals at a time. While PostgreSQL is away it waits, and says so once.
 */
export function startSealer({ pool, logger, pollMs = POLL_MS }: SealerDeps): Sealer {
  const waker = createWaker();
  const listener = listen(pool, {
    channels: ['vigil_audit'],
    onNotify: waker.wake,
    onListening: waker.wake,
  });
  let isClosed = false;
  let isFailing = false;

  async function run(): Promise<void> {
    while (!isClosed) {
      const sealed = await seal();
      if (sealed < BATCH) await waker.wait(pollMs);
    }
  }

  async function seal(): Promise<number> {
    try {
      const sealed = await sealBatch(pool, BATCH);
      isFailing = false;
      return sealed;
    } catch (error) {
      if (!isFailing) logger.error({ err: error }, 'audit rows cannot be sealed; trying again');
      isFailing = true;
      return 0;
    }
  }

  const running = run();
  return {
    async close() {
      isClosed = true;
      waker.wake();
      await Promise.all([running, listener.close()]);
    },
  };
}
