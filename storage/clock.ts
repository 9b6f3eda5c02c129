import { query, type Db } from './database';

/** The database's clock, epoch ms: one clock for everything that is compared with rows. */
export async function databaseNow(db: Db): Promise<number> {
  const [row] = await query<{ now: number }>(
    db,
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  );
  return Math.floor(row?.now ?? 0);
}
