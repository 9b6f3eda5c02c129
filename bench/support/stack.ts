import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import type { Pool } from 'pg';
import { sendSignal } from '../../cli/up/os-process';
import { repositoryRoot } from '../../cli/up/paths';
import { postgresFolder } from '../../cli/up/postgres-folder';
import { readSession } from '../../cli/up/session';
import { MARKERS } from '../../domain/action/markers';
import { listPids, readEnvironment } from '../../platform/procfs';
import { createPool } from '../../storage/database';
import type { Bench } from './bench';

/** The first start of a machine builds or downloads Temporal. */
const START_DEADLINE_MS = 15 * 60_000;
const STOP_DEADLINE_MS = 60_000;
/** What would point the stack at somebody else's servers, or change what it does. */
const FOREIGN = /^(VIGIL_|TEMPORAL_|PG|DATABASE_URL$|REDIS_URL$|COLLECTOR_PORT$|AGENT_|GITOPSD_)/;

/** A running Vigil of one's own, and doors to what it runs on. */
export interface Stack {
  /** Absolute. */
  home: string;
  /** Of the supervisor; all that it runs is below it. */
  pid: number;
  /** Base URL of the api. */
  apiUrl: string;
  temporalAddress: string;
  temporal: Client;
  pool: Pool;
  /** Puts a file into the folder of manifests that gitops watches. */
  addManifests: (file: string, text: string) => void;
}

/**
 * Starts everything the way `npm start` does, in a home of its own that is removed at the end, and
 * resolves once it is ready. `manifests` is the text of the first file, given the new home.
 */
export async function startStack(
  bench: Bench,
  manifests: (home: string) => string,
): Promise<Stack> {
  const { lifecycle, say } = bench;
  const home = temporaryHome(lifecycle);
  const folder = join(home, 'manifests');
  mkdirSync(folder);
  const addManifests = (file: string, text: string): void => {
    writeFileSync(join(folder, file), text);
  };
  addManifests('bench.yaml', manifests(home));
  const supervisor = spawn(process.execPath, [join(repositoryRoot(), 'dist/cli/main.js'), 'up'], {
    cwd: repositoryRoot(),
    env: stackEnvironment(bench.portOffset, home, folder),
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C reaches the benchmark only, which then stops the stack.
    detached: true,
  });
  lifecycle.onStop('stack', () => stop(supervisor, home, say));
  await ready(supervisor, bench);
  const session = readSession(home);
  const url = (name: string): string => {
    const found = session[name];
    if (found === undefined) throw new Error(`the stack's session does not say ${name}`);
    return found;
  };
  const pool = createPool({ url: url('VIGIL_DATABASE_URL'), poolSize: 2, name: 'bench' });
  lifecycle.onStop('database', () => pool.end());
  const temporalAddress = url('VIGIL_TEMPORAL_ADDRESS');
  const connection = await Connection.connect({ address: temporalAddress });
  lifecycle.onStop('temporal client', () => connection.close());
  return {
    home,
    pid: supervisor.pid ?? 0,
    apiUrl: url('VIGIL_API_URL'),
    temporalAddress,
    temporal: new Client({ connection }),
    pool,
    addManifests,
  };
}

/** A home below the system's folder for temporary files; removed at the end with all its data. */
export function temporaryHome(lifecycle: Bench['lifecycle']): string {
  const home = mkdtempSync(join(tmpdir(), 'vigil-bench-'));
  lifecycle.onStop('home', () => {
    const isRoot = process.getuid?.() === 0;
    const { folder } = postgresFolder(home, isRoot, { now: new Date() });
    for (const path of [folder, home]) rmSync(path, { recursive: true, force: true });
  });
  return home;
}

/** The caller's environment without what belongs to another Vigil. */
export function stackEnvironment(
  portOffset: number,
  home: string,
  folder: string,
): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return {
    ...Object.fromEntries(own),
    VIGIL_HOME: home,
    VIGIL_PORT_OFFSET: String(portOffset),
    VIGIL_GITOPS_FOLDERS: folder,
  };
}

async function ready(supervisor: ChildProcess, { signal, say }: Bench): Promise<void> {
  const { stdout } = supervisor;
  if (stdout === null) throw new Error('the stack has no output');
  const lines = createInterface({ input: stdout });
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => {
      reject(new Error('the stack was not ready in time'));
    }, START_DEADLINE_MS);
    deadline.unref();
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
    supervisor.once('error', reject);
    supervisor.once('exit', (code, by) => {
      reject(new Error(`the stack ended (${by ?? `exit code ${String(code)}`})`));
    });
    lines.on('line', (line) => {
      if (line !== '') say(`  ${line}`);
      if (line === 'vigil is ready') resolve();
    });
  });
}

/** The supervisor stops what it runs; what the runtimes started and nobody stopped is ended here. */
async function stop(supervisor: ChildProcess, home: string, say: Bench['say']): Promise<void> {
  if (supervisor.exitCode === null && supervisor.signalCode === null) {
    const ended = new Promise((resolve) => supervisor.once('exit', resolve));
    supervisor.kill('SIGTERM');
    const killer = setTimeout(() => {
      say('the stack does not stop; ending it');
      supervisor.kill('SIGKILL');
    }, STOP_DEADLINE_MS);
    await ended;
    clearTimeout(killer);
  }
  const left = listPids().filter((pid) => readEnvironment(pid)?.get(MARKERS.owner) === home);
  for (const pid of left) sendSignal(pid, 'SIGKILL');
  if (left.length > 0) say(`${left.length} processes of the stack had to be ended`);
}
