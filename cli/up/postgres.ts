import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { CliFailure } from '../failure';
import { postgresAccount, type Account } from './account';
import { commandLine, endProcess, findByArgument, isAlive } from './os-process';
import { findPostgres, type PostgresBinaries } from './postgres-binaries';
import type { ChildSpec } from './supervise';

const USER = 'vigil';
const STOP_DEADLINE_MS = 15_000;
const START_DEADLINE_MS = 60_000;

export interface PostgresOptions {
  /** Holds `data/` and `password`; the server's account must be able to reach it. */
  folder: string;
  /** Where root copies the binaries; see findPostgres. */
  shared: string;
  port: number;
  /** Without: no fsync, for data that is thrown away. */
  isDurable: boolean;
}

export interface Postgres {
  spec: ChildSpec;
  /** Connection URL of one of its databases. */
  urlOf: (database: string) => string;
}

/**
 * Makes a data folder if there is none, and ends what a killed run left behind: a postmaster of the
 * same folder, or its pid file. Nothing is started yet. Throws CliFailure.
 */
export async function preparePostgres(options: PostgresOptions): Promise<Postgres> {
  const account = postgresAccount();
  const binaries = findPostgres(account === null ? null : options.shared);
  const data = join(options.folder, 'data');
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  if (account !== null) chownSync(options.folder, account.uid, account.gid);
  await endOrphans(data);
  initialise(options.folder, binaries, account);
  checkVersion(data, binaries);
  const password = readFileSync(join(options.folder, 'password'), 'utf8').trim();
  const urlOf = (database: string): string =>
    `postgres://${USER}:${password}@127.0.0.1:${options.port}/${database}`;
  return {
    urlOf,
    spec: {
      name: 'postgres',
      command: binaries.postgres,
      args: ['-D', data, '-p', String(options.port), ...settings(options.isDurable)],
      cwd: options.folder,
      env: serverEnvironment(),
      account,
      hasChannel: false,
      saysReady: false,
      // Fast shutdown: open transactions are rolled back, nobody is waited for.
      stopSignal: 'SIGINT',
      stopDeadlineMs: STOP_DEADLINE_MS,
      startDeadlineMs: START_DEADLINE_MS,
      probe: () => ping(urlOf('postgres')),
    },
  };
}

/** Creates a database that is not there yet. */
export async function ensureDatabase(postgres: Postgres, name: string): Promise<void> {
  await withClient(postgres.urlOf('postgres'), async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0)
      await client.query(`create database ${client.escapeIdentifier(name)}`);
  });
}

/** Resolves when the server answers a query. */
export async function ping(url: string): Promise<void> {
  await withClient(url, (client) => client.query('select 1'));
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  // A server that goes away in between is reported by the query, not by an event nobody hears.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** Loopback TCP only: a socket file would be one more thing to clear away. */
function settings(isDurable: boolean): string[] {
  const pairs = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
  if (!isDurable) pairs.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off');
  return pairs.flatMap((pair) => ['-c', pair]);
}

/** Variables of libpq and of the caller's locale must not change how the server runs. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/** Into a folder beside, renamed at the end: an interrupted initdb is done again from the start. */
function initialise(folder: string, { initdb }: PostgresBinaries, account: Account | null): void {
  const data = join(folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return;
  const partial = join(folder, 'data.partial');
  const passwordFile = join(folder, 'password');
  rmSync(partial, { recursive: true, force: true });
  writeFileSync(passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  if (account !== null) chownSync(passwordFile, account.uid, account.gid);
  const args = ['--pgdata', partial, '--username', USER, '--pwfile', passwordFile];
  args.push('--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-sync');
  try {
    execFileSync(initdb, args, {
      cwd: folder,
      env: serverEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account ?? {}),
    });
  } catch (cause) {
    const { stderr = '', message } = cause as { stderr?: string; message: string };
    const why = stderr.trim().split('\n').at(-1) ?? '';
    throw new CliFailure(
      `PostgreSQL could not set up its data in ${folder} (${why === '' ? message : why}); check its permissions and free space, or set DATABASE_URL`,
      1,
      { cause },
    );
  }
  renameSync(partial, data);
}

function checkVersion(data: string, { major }: PostgresBinaries): void {
  const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (found === major) return;
  throw new CliFailure(
    `the data in ${data} was written by PostgreSQL ${found}, this is ${major}: move it with pg_dump of version ${found}, or set VIGIL_HOME to a new folder`,
  );
}

async function endOrphans(data: string): Promise<void> {
  for (const pid of findByArgument(data)) {
    await endProcess(pid, { signal: 'SIGINT', deadlineMs: STOP_DEADLINE_MS });
  }
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  // PostgreSQL clears the file of a dead server itself, but not when its pid is someone else's now.
  if (isAlive(pid) && !commandLine(pid).includes(data)) rmSync(pidFile);
}
