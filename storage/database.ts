import { Pool, types, type PoolClient, type QueryResultRow } from 'pg';

/** A pool or a client inside a transaction: every query function takes either. */
export type Db = Pool | PoolClient;

const INT8 = 20;
const TIMESTAMPTZ = 1184;

const PARSERS = new Map<number, (text: string) => unknown>([
  [INT8, Number],
  [TIMESTAMPTZ, (text) => Date.parse(text)],
]);

/** timestamptz → epoch ms, int8 → number (no id here comes near 2^53). */
const getTypeParser = (oid: number, format?: 'text' | 'binary'): unknown =>
  PARSERS.get(oid) ?? builtInParser(oid, format);
const builtInParser = types.getTypeParser as (oid: number, format?: string) => unknown;

/** Connections that speak UTC, give up on a connect after 3 s and on a statement after 30 s. */
export function createPool(options: { url: string; poolSize: number; name: string }): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: `vigil-${options.name}`,
    connectionTimeoutMillis: 3000,
    // Longer than what comes every ten seconds: else each such round opens connections anew.
    idleTimeoutMillis: 60_000,
    statement_timeout: 30_000,
    options: '-c timezone=UTC',
    types: { getTypeParser: getTypeParser as typeof types.getTypeParser },
  });
  // A connection that the server ends is replaced, and whoever uses it gets an error from its next
  // query; unheard, the event would end the process. The pool itself only hears idle connections.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pool;
}

/** Rows of one query. Epoch-ms parameters go through `to_timestamp($n / 1000.0)` in the SQL. */
export async function query<Row extends QueryResultRow>(
  db: Db,
  sql: string,
  params: readonly unknown[] = [],
): Promise<Row[]> {
  const { rows } = await db.query<Row>(sql, params as unknown[]);
  return rows;
}

/** Runs `work` in one transaction; any error rolls it back and is thrown on. */
export async function inTransaction<T>(
  pool: Pool,
  work: (db: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // A connection that failed to roll back must not return to the pool.
    await client.query('rollback').then(
      () => {
        client.release();
      },
      () => {
        client.release(true);
      },
    );
    throw error;
  }
}
