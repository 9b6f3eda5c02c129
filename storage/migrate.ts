import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { inTransaction, query } from './database';

const LOCK = 7_846_101;

/** Applies the plain SQL files of migrations/ that have not run yet, each in its own transaction; returns their names. */
export async function migrate(pool: Pool, folder = migrationsFolder()): Promise<string[]> {
  await pool.query(
    'create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())',
  );
  const applied: string[] = [];
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()) {
    const ran = await inTransaction(pool, async (db) => {
      await db.query('select pg_advisory_xact_lock($1)', [LOCK]);
      const done = await query(db, 'select 1 from schema_migrations where name = $1', [name]);
      if (done.length > 0) return false;
      await db.query(readFileSync(join(folder, name), 'utf8'));
      await db.query('insert into schema_migrations (name) values ($1)', [name]);
      return true;
    });
    if (ran) applied.push(name);
  }
  return applied;
}

/** The SQL files lie beside the sources; the build copies them beside the compiled file. */
function migrationsFolder(): string {
  return join(__dirname, 'migrations');
}
