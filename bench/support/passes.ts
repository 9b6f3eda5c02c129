import type { Pool, PoolClient } from 'pg';

/** One admission transaction, by the clock of the process that ran it. */
export interface Pass {
  /** From its `begin` to the end of its `commit`. */
  ms: number;
  /** Slots that it granted. */
  granted: number;
  /** False: another process held the lock, and it left at once. */
  hadLock: boolean;
}

const TAKES_LOCK = 'pg_try_advisory_xact_lock';

/**
 * Times the admission transactions of a process as its connections see them; what runs is the
 * production code as it is.
 */
export function watchPasses(pool: Pool, onPass: (pass: Pass) => void): void {
  const watched = new WeakSet<PoolClient>();
  pool.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    watchClient(client, onPass);
  });
}

type Query = (...args: unknown[]) => unknown;

function watchClient(client: PoolClient, onPass: (pass: Pass) => void): void {
  const original = client.query.bind(client) as Query;
  let begunAt = 0;
  let pass: Omit<Pass, 'ms'> | null = null;

  function seen(sql: string, result: unknown): void {
    const rows = (result as { rows?: { taken?: boolean }[] } | null)?.rows ?? [];
    if (sql.includes(TAKES_LOCK)) pass = { granted: 0, hadLock: rows[0]?.taken === true };
    if (pass !== null && sql.startsWith('insert into slots')) pass.granted += rows.length;
    if (pass === null || sql !== 'commit') return;
    onPass({ ...pass, ms: performance.now() - begunAt });
    pass = null;
  }

  const query: Query = (...args) => {
    const sql = typeof args[0] === 'string' ? args[0] : '';
    if (sql === 'begin') begunAt = performance.now();
    if (sql === 'rollback') pass = null;
    const answer = original(...args);
    if (!(answer instanceof Promise)) return answer;
    return answer.then((result: unknown) => {
      seen(sql, result);
      return result;
    });
  };
  Object.assign(client, { query });
}
