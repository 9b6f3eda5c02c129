import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChildOutput } from '../../cli/up/child-output';
import { findOnPath } from '../../cli/up/executables';
import { preparePostgres } from '../../cli/up/postgres';
import { ROOT_FOLDER } from '../../cli/up/postgres-folder';
import { prepareRedis } from '../../cli/up/redis';
import { DEFAULT_BACKOFF, supervise, type ChildSpec } from '../../cli/up/supervise';
import { findTemporal } from '../../cli/up/temporal-binary';
import { prepareTemporal } from '../../cli/up/temporal';
import { startDockerEngine, whyNoDocker } from './docker-engine';
import { unusedPort } from './stack-ports';
import { createLifecycle, type Lifecycle } from '../../platform/lifecycle';

interface Run {
  folder: string;
  /** In memory where there is room: a database of its own for each test is many small files. */
  fastFolder: string;
  lifecycle: Lifecycle;
}

/**
 * Starts the servers that the environment does not name, on free loopback ports and with data in a
 * temporary folder, and puts their addresses into VIGIL_TEST_*. Returns their end.
 */
export async function startTestServers(env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const folder = makeFolder(tmpdir());
  const fastFolder = hasRoom(MEMORY) ? makeFolder(MEMORY) : folder;
  const lifecycle = createLifecycle((name, error) => {
    say(`${name} did not stop cleanly: ${String(error)}`);
  });
  const run = { folder, fastFolder, lifecycle };
  const remove = (): void => {
    for (const one of new Set([folder, fastFolder]))
      rmSync(one, { recursive: true, force: true, maxRetries: 5 });
  };
  lifecycle.onStop('folder', remove);
  // A run that is interrupted kills its servers on exit, and leaves nothing either.
  process.on('exit', remove);
  try {
    await Promise.all([
      startPostgres(run, env),
      startTemporal(run, env),
      startRedis(run, env),
      startDocker(run, env),
    ]);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
  return () => lifecycle.stop();
}

const MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 2 ** 30;

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    accessSync(folder, constants.W_OK);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return false;
  }
}

function makeFolder(parent: string): string {
  const folder = mkdtempSync(join(parent, 'vigil-test-'));
  // PostgreSQL's own account has to reach its folder in it.
  chmodSync(folder, 0o711);
  return folder;
}

async function startPostgres(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  if (env['VIGIL_TEST_DATABASE_URL'] !== undefined) return;
  const postgres = await preparePostgres({
    folder: join(run.fastFolder, 'postgres'),
    shared: ROOT_FOLDER,
    port: await unusedPort(),
    isDurable: false,
  });
  await start(run, postgres.spec);
  env['VIGIL_TEST_DATABASE_URL'] = postgres.urlOf('postgres');
}

async function startTemporal(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  if (env['VIGIL_TEST_TEMPORAL_ADDRESS'] !== undefined) return;
  const { path } = await findTemporal({ env, say });
  const { spec, address } = await prepareTemporal({
    binary: path,
    port: await unusedPort(),
    uiPort: null,
    dbFile: null,
    namespace: 'default',
  });
  await start(run, spec);
  env['VIGIL_TEST_TEMPORAL_ADDRESS'] = address;
}

async function startRedis(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  if (env['VIGIL_TEST_REDIS_URL'] !== undefined) return;
  const binary = findOnPath('redis-server', env);
  if (binary === null) return;
  const folder = join(run.folder, 'redis');
  const { spec, url } = await prepareRedis({ binary, folder, port: await unusedPort() });
  await start(run, spec);
  env['VIGIL_TEST_REDIS_URL'] = url;
}

/** Where none can be had, the tests that need it say why. */
async function startDocker(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  if (env['VIGIL_TEST_DOCKER_HOST'] !== undefined) return;
  const why = whyNoDocker(env);
  if (why !== null) {
    env['VIGIL_TEST_NO_DOCKER'] = why;
    return;
  }
  try {
    const { host, stop } = await startDockerEngine(join(run.folder, 'docker'), env);
    run.lifecycle.onStop('docker', stop);
    env['VIGIL_TEST_DOCKER_HOST'] = host;
  } catch (error) {
    env['VIGIL_TEST_NO_DOCKER'] = String(error);
  }
}

async function start({ folder, lifecycle }: Run, spec: ChildSpec): Promise<void> {
  const output = createChildOutput(join(folder, 'logs', `${spec.name}.log`), say);
  lifecycle.onStop('log', output.close);
  const child = await supervise(spec, { output, say, backoff: DEFAULT_BACKOFF });
  lifecycle.onStop(spec.name, child.stop);
}

function say(line: string): void {
  process.stderr.write(`test servers: ${line}\n`);
}
