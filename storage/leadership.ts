import { Client, type Pool } from 'pg';
import { query } from './database';

/** Session locks, one number per duty. */
export const DUTY = { dispatch: 7_846_122 } as const;

export interface Leadership {
  isHeld: () => boolean;
  close: () => Promise<void>;
}

/**
 * Tries to become the one process that holds a duty, again every `retryMs`, on a connection of its
 * own: when that connection ends, the database gives the duty to somebody else.
 */
export function seekLeadership(
  pool: Pool,
  options: { duty: number; onHeld: () => void; retryMs?: number },
): Leadership {
  let client: Client | null = null;
  let retry: NodeJS.Timeout | null = null;
  let isHeld = false;
  let isClosed = false;

  async function connect(): Promise<Client> {
    const fresh = new Client({ ...pool.options });
    const forget = (): void => {
      if (client !== fresh) return;
      client = null;
      isHeld = false;
    };
    fresh.on('error', forget);
    fresh.on('end', forget);
    client = fresh;
    try {
      await fresh.connect();
    } catch (error) {
      forget();
      throw error;
    }
    return fresh;
  }

  async function tryOnce(): Promise<void> {
    const connection = client ?? (await connect());
    const [row] = await query<{ held: boolean }>(
      connection as unknown as Pool,
      'select pg_try_advisory_lock($1) as held',
      [options.duty],
    );
    if (row?.held !== true || isClosed || client !== connection) return;
    isHeld = true;
    options.onHeld();
  }

  async function seek(): Promise<void> {
    // An unreachable database is everybody's news, not this duty's: here it only means "not yet".
    if (!isHeld) await tryOnce().catch(() => undefined);
    if (!isClosed) retry = setTimeout(() => void seek(), options.retryMs ?? 1000);
  }

  const first = seek();
  return {
    isHeld: () => isHeld,
    async close() {
      isClosed = true;
      await first;
      if (retry !== null) clearTimeout(retry);
      isHeld = false;
      await client?.end().catch(() => undefined);
    },
  };
}
