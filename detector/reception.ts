import type { Pool } from 'pg';
import { markReceiving } from '../storage/control-plane';

/** A shorter break loses nothing: clients send again what was refused. */
const BREAK_MS = 5000;

/** Since when samples are received without a break: what is absent from before says nothing. */
export interface Reception {
  receivingSince: () => number;
  /** PostgreSQL took what it was given. */
  isWorking: () => Promise<void>;
  isBroken: () => void;
}

export function createReception({ pool, now }: { pool: Pool; now: () => number }): Reception {
  let since = now();
  let brokenAt: number | null = null;
  return {
    receivingSince: () => since,
    async isWorking() {
      if (brokenAt === null) return;
      const wasLong = now() - brokenAt >= BREAK_MS;
      if (wasLong) {
        await markReceiving(pool, now());
        since = now();
      }
      brokenAt = null;
    },
    isBroken() {
      brokenAt ??= now();
    },
  };
}
