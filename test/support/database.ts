import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type Pool } from 'pg';
import { createPool } from '../../storage/database';
import { migrate } from '../../storage/migrate';

const MIGRATIONS = join(__dirname, '../../storage/migrations');
const TEMPLATE_LOCK = 7_846_102;
/** Of a connection: the server is there, and merely busy. */
const PATIENCE_MS = 30_000;

export interface TestDatabase {
  url: string;
  pool: Pool;
  /** Ends the pool and drops the database. */
  drop: () => Promise<void>;
}

/** The server of this run; `npm test` sets it. */
export function serverUrl(): string {
  const url = process.env['VIGIL_TEST_DATABASE_URL'];
  if (url === undefined) {
    throw new Error('VIGIL_TEST_DATABASE_URL is not set: run tests with `npm test`');
  }
  return url;
}

/** A migrated database of its own, cloned from a template that is made once per set of migrations. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const template = `vigil_template_${migrationsHash()}`;
  const name = `vigil_test_${randomUUID().replaceAll('-', '')}`;
  await withAdmin(async (admin) => {
    await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const found = await admin.query('select 1 from pg_database where datname = $1', [template]);
    if (found.rowCount === 0) await createTemplate(admin, template);
    await admin.query(`create database ${name} template ${template}`);
  });
  const url = urlOf(name);
  const pool = createPool({ url, poolSize: 8, name: 'test' });
  Object.assign(pool.options, { connectionTimeoutMillis: PATIENCE_MS });
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await withAdmin((admin) => admin.query(`drop database ${name} with (force)`));
    },
  };
}

async function createTemplate(admin: Client, template: string): Promise<void> {
  const unfinished = `${template}_unfinished`;
  await admin.query(`drop database if exists ${unfinished}`);
  await admin.query(`create database ${unfinished}`);
  const pool = createPool({ url: urlOf(unfinished), poolSize: 1, name: 'template' });
  await migrate(pool);
  await pool.end();
  await admin.query(`alter database ${unfinished} rename to ${template}`);
}

async function withAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: serverUrl() });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

function migrationsHash(): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(MIGRATIONS).sort())
    hash.update(readFileSync(join(MIGRATIONS, file)));
  return hash.digest('hex').slice(0, 12);
}
