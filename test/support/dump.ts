import type { Pool } from 'pg';
import { query } from '../../storage/database';

/** Every row of every table as text, by table: two dumps are equal when nothing was written in between. */
export async function dumpTables(pool: Pool): Promise<Record<string, string[]>> {
  const tables = await query<{ name: string }>(
    pool,
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  );
  const dump: Record<string, string[]> = {};
  for (const { name } of tables) {
    // With the transaction that wrote it: an update that says the same is seen, too.
    const rows = await query<{ row: string }>(
      pool,
      `select t.xmin::text || ' ' || t::text as row from ${name} t order by 1`,
    );
    dump[name] = rows.map(({ row }) => row);
  }
  return dump;
}
