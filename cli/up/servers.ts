import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { Lifecycle } from '../../platform/lifecycle';
import type { TemporalTarget } from '../../platform/temporal-client';
import { CliFailure } from '../failure';
import { createChildOutput } from './child-output';
import { findOnPath } from './executables';
import { freePort } from './ports';
import { ensureDatabase, ping, preparePostgres } from './postgres';
import { postgresFolder, ROOT_FOLDER } from './postgres-folder';
import { prepareRedis } from './redis';
import type { Settings } from './settings';
import { DEFAULT_BACKOFF, supervise, type ChildSpec } from './supervise';
import { findTemporal } from './temporal-binary';
import { keepHistories, prepareTemporal } from './temporal';

const DATABASE = 'vigil';

/** What the parts of one start share. */
export interface Start {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  lifecycle: Lifecycle;
  print: (line: string) => void;
}

/** Starts a child under supervision and registers its end. */
export async function startChild(start: Start, spec: ChildSpec): Promise<void> {
  const { settings, lifecycle, print, signal } = start;
  const say = (text: string): void => {
    print(`${spec.name}: ${text}`);
  };
  const output = createChildOutput(join(settings.home, 'logs', `${spec.name}.log`), say);
  lifecycle.onStop(`log of ${spec.name}`, output.close);
  const child = await supervise(spec, { output, say: print, backoff: DEFAULT_BACKOFF, signal });
  lifecycle.onStop(spec.name, child.stop);
}

/** Returns the connection URL. */
export async function startPostgres(start: Start): Promise<string> {
  const { settings, print } = start;
  if (settings.databaseUrl !== null) {
    await checkDatabase(settings.databaseUrl);
    print(`PostgreSQL  yours at ${withoutPassword(settings.databaseUrl)}`);
    return settings.databaseUrl;
  }
  const isRoot = process.getuid?.() === 0;
  const { folder, setAside } = postgresFolder(settings.home, isRoot, { now: new Date() });
  if (setAside !== null) print(`PostgreSQL  data of an earlier home set aside in ${setAside}`);
  const port = await freePort();
  const postgres = await preparePostgres({ folder, shared: ROOT_FOLDER, port, isDurable: true });
  await startChild(start, postgres.spec);
  await ensureDatabase(postgres, DATABASE);
  print(`PostgreSQL  embedded, on a free port (${port}), data in ${folder} (no DATABASE_URL)`);
  return postgres.urlOf(DATABASE);
}

/** Returns the address, or null when the processes take it from Temporal's own variables. */
export async function startTemporal(start: Start): Promise<string | null> {
  const { settings, print, env, signal } = start;
  if (settings.temporal !== null) {
    await checkTemporal(settings.temporal);
    print(`Temporal    yours at ${settings.temporal.connection.address ?? ''}`);
    return null;
  }
  const binary = await findTemporal({ env, say: print, signal });
  const { spec, address } = await prepareTemporal({
    binary: binary.path,
    port: settings.temporalPort,
    uiPort: settings.uiPort,
    dbFile: temporalFile(settings.home),
    namespace: settings.namespace,
  });
  await startChild(start, spec);
  await keepHistories(address, settings.namespace);
  print(`Temporal    dev server at ${address} (no TEMPORAL_ADDRESS): ${binary.origin}`);
  return address;
}

/** Returns the URL, or null when there is no Redis. */
export async function startRedis(start: Start): Promise<string | null> {
  const { settings, print, env } = start;
  if (settings.redisUrl !== null) {
    print(`Redis       yours at ${withoutPassword(settings.redisUrl)}`);
    return settings.redisUrl;
  }
  const binary = findOnPath('redis-server', env);
  if (binary === null) {
    print(
      'Redis       none (no REDIS_URL, no redis-server on the PATH): rate limits are local, events by polling',
    );
    return null;
  }
  const folder = join(settings.home, 'redis');
  const port = await freePort();
  const { spec, url } = await prepareRedis({ binary, folder, port });
  await startChild(start, spec);
  print(`Redis       private ${binary} on a free port (${port}), nothing kept (no REDIS_URL)`);
  return url;
}

export function temporalFile(home: string): string {
  return join(home, 'temporal', 'temporal.db');
}

async function checkDatabase(url: string): Promise<void> {
  try {
    await ping(url);
  } catch (cause) {
    throw unreachable(`PostgreSQL at ${withoutPassword(url)}`, 'DATABASE_URL', cause);
  }
}

async function checkTemporal({ connection, namespace }: TemporalTarget): Promise<void> {
  const CONNECT_TIMEOUT = '10s';
  try {
    const found = await Connection.connect({ ...connection, connectTimeout: CONNECT_TIMEOUT });
    try {
      await found.workflowService.describeNamespace({ namespace });
    } finally {
      await found.close();
    }
  } catch (cause) {
    throw unreachable(
      `Temporal at ${connection.address ?? ''} (namespace ${namespace})`,
      'TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE',
      cause,
    );
  }
}

function unreachable(what: string, variable: string, cause: unknown): CliFailure {
  const { message, code } = cause as { message?: string; code?: string };
  const why = [message, code].find((text) => text !== undefined && text !== '') ?? String(cause);
  return new CliFailure(
    `${what} cannot be used (${why}); check ${variable}, or unset it to have one started`,
    1,
    { cause },
  );
}

function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== '') parsed.password = '***';
    return parsed.href;
  } catch {
    return '(a URL that cannot be read)';
  }
}
