import { basename } from 'node:path';
import { createLifecycle } from '../../platform/lifecycle';
import { createPool } from '../../storage/database';
import { migrate } from '../../storage/migrate';
import { CliFailure } from '../failure';
import { ensureApprovalKey } from './approval-key';
import { takeLock } from './lock';
import { endProcess, findByArgument } from './os-process';
import { repositoryRoot } from './paths';
import { checkPorts, freePort, isTaken } from './ports';
import { homeMark, processEnvironment, processSpecs, urlOf } from './processes';
import {
  startChild,
  startPostgres,
  startRedis,
  startTemporal,
  temporalFile,
  type Start,
} from './servers';
import { writeSession } from './session';
import { loadSettings, type Settings } from './settings';
import type { ChildSpec } from './supervise';
import { endTemporalOrphans } from './temporal';

const ORPHAN_DEADLINE_MS = 20_000;
const DEFAULT_API_PORT = 8000;

/**
 * Runs the whole of Vigil until `signal` is aborted, then stops it in reverse order. Throws when it
 * cannot start; what was started is stopped by then.
 */
export async function up(options: {
  env: NodeJS.ProcessEnv;
  print: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { print, signal } = options;
  const settings = loadSettings(options.env);
  const lifecycle = createLifecycle((name, error) => {
    print(`${name} did not stop cleanly: ${String(error)}`);
  });
  const env = withoutNpm(options.env);
  try {
    await startAll({ settings, env, signal, lifecycle, print });
    await aborted(signal);
    print('stopping …');
  } catch (error) {
    // An end that was asked for is none that failed.
    if (!signal.aborted) throw error;
  } finally {
    await lifecycle.stop();
  }
  print('stopped');
}

async function startAll(given: Start): Promise<void> {
  const { lifecycle, print, signal } = given;
  lifecycle.onStop('lock', takeLock(given.settings.home));
  print(`Vigil starts in ${given.settings.home}`);
  await endOrphans(given.settings.home);
  const settings = await moveTakenPorts(given.settings);
  const start = { ...given, settings };
  ensureApprovalKey(settings.home);
  await checkPorts(wantedPorts(settings));
  const databaseUrl = await startPostgres(start);
  const temporalAddress = await startTemporal(start);
  const redisUrl = await startRedis(start);
  await migrateDatabase(databaseUrl, print);
  signal.throwIfAborted();
  const shared = processEnvironment(settings, { databaseUrl, temporalAddress, redisUrl });
  lifecycle.onStop('session', writeSession(settings.home, shared));
  await startProcesses(start, shared);
  for (const line of welcome(settings)) print(line);
}

/** The agent comes last, so that it finds its collector; the others start side by side. */
async function startProcesses(start: Start, shared: NodeJS.ProcessEnv): Promise<void> {
  const root = repositoryRoot();
  const specs = processSpecs(start.settings, root, { ...start.env, ...shared });
  await startSideBySide(start, specs.slice(0, -1));
  for (const spec of specs.slice(-1)) await startChild(start, spec);
  const names = specs.map(({ name }) => name).join(', ');
  start.print(`Processes   ${names} run; logs in ${start.settings.home}/logs`);
}

/** All at once, but to be stopped one after the other in reverse; the first that fails ends the others. */
async function startSideBySide(start: Start, specs: readonly ChildSpec[]): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([start.signal, failed.signal]);
  const starts = specs.map(async (spec) => {
    // Its place in the order of stopping is taken now, not when it happens to be up.
    const lifecycle = createLifecycle((_name, error) => {
      throw error;
    });
    start.lifecycle.onStop(spec.name, () => lifecycle.stop());
    try {
      await startChild({ ...start, signal, lifecycle }, spec);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(starts);
  failed.signal.throwIfAborted();
}

/** Processes of a run that was killed: ours notice by themselves but take a moment, servers do not. */
async function endOrphans(home: string): Promise<void> {
  const how = { signal: 'SIGTERM', deadlineMs: ORPHAN_DEADLINE_MS } as const;
  await Promise.all(findByArgument(homeMark(home)).map((pid) => endProcess(pid, how)));
  await endTemporalOrphans(temporalFile(home));
}

/**
 * The ports of Temporal and its Web UI are 1000 apart, so that instances with offsets 1000 apart
 * meet there. One that an offset has moved anyway moves on to a free port.
 */
async function moveTakenPorts(settings: Settings): Promise<Settings> {
  const moved = { ...settings };
  if (settings.temporal !== null) return moved;
  for (const name of settings.movable) {
    if (await isTaken('127.0.0.1', settings[name])) moved[name] = await freePort();
  }
  return moved;
}

function wantedPorts(settings: Settings) {
  const { api, worker, gitops, temporal, temporalPort, uiPort } = settings;
  const ours = [
    { name: 'api', ...api, variable: 'VIGIL_API_PORT' },
    { name: 'worker', ...worker, variable: 'VIGIL_WORKER_PORT' },
    { name: 'gitops', ...gitops, variable: 'VIGIL_GITOPS_PORT' },
  ];
  if (temporal !== null) return ours;
  const host = '127.0.0.1';
  return [
    ...ours,
    { name: 'Temporal', host, port: temporalPort, variable: 'VIGIL_TEMPORAL_PORT' },
    { name: "Temporal's Web UI", host, port: uiPort, variable: 'VIGIL_TEMPORAL_UI_PORT' },
  ];
}

async function migrateDatabase(url: string, print: (line: string) => void): Promise<void> {
  const pool = createPool({ url, poolSize: 1, name: 'migrate' });
  try {
    const applied = await migrate(pool);
    if (applied.length > 0)
      print(`Migrations  ${applied.map((name) => basename(name, '.sql')).join(', ')}`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliFailure(`the database could not be migrated: ${why}`, 1, { cause });
  } finally {
    await pool.end();
  }
}

function welcome(settings: Settings): string[] {
  const api = urlOf(settings.api);
  const prefix = commandPrefix(settings);
  return [
    '',
    `API         ${api}/api/v1`,
    `Docs        ${api}/docs`,
    ...(settings.temporal === null ? [`Web UI      http://127.0.0.1:${settings.uiPort}`] : []),
    '',
    'Try next:',
    ...['status', 'why web', 'simulate crash'].map((command) => `  ${prefix}./vigil ${command}`),
    '',
    'vigil is ready',
  ];
}

/** The commands find the API by themselves only where it is by default. */
function commandPrefix({ api }: Settings): string {
  return api.port === DEFAULT_API_PORT ? '' : `VIGIL_API_URL=${urlOf(api)} `;
}

/** `npm start` adds dozens of variables of its own that say nothing to what is started here. */
function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('npm_')));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
