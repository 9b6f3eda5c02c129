import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Redis } from 'ioredis';
import { commandLine, endProcess, isAlive } from './os-process';
import type { ChildSpec } from './supervise';

const STOP_DEADLINE_MS = 5000;
const START_DEADLINE_MS = 15_000;
const CONNECT_TIMEOUT_MS = 1000;

export interface RedisServer {
  spec: ChildSpec;
  url: string;
}

/** A private server on loopback that keeps nothing; one that a killed run left in `folder` is ended first. */
export async function prepareRedis(options: {
  binary: string;
  folder: string;
  port: number;
}): Promise<RedisServer> {
  const { binary, folder, port } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await endRedisOrphan(folder);
  const password = randomBytes(24).toString('hex');
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const config = join(folder, 'redis.conf');
  // In a file, not in the arguments, which everybody on the machine can read.
  writeFileSync(config, configuration(folder, port, password), { mode: 0o600 });
  return {
    url,
    spec: {
      name: 'redis',
      command: binary,
      args: [config],
      cwd: folder,
      env: process.env,
      hasChannel: false,
      saysReady: false,
      stopSignal: 'SIGTERM',
      stopDeadlineMs: STOP_DEADLINE_MS,
      startDeadlineMs: START_DEADLINE_MS,
      probe: () => pingRedis(url),
    },
  };
}

function configuration(folder: string, port: number, password: string): string {
  const quoted = JSON.stringify(folder);
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${quoted}`,
    `pidfile ${JSON.stringify(join(folder, 'redis.pid'))}`,
    'save ""',
    'appendonly no',
    '',
  ].join('\n');
}

/** Its title hides its arguments, so it is known by its pid file, its name and its folder. */
async function endRedisOrphan(folder: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(join(folder, 'redis.pid'), 'utf8'));
  } catch {
    return;
  }
  if (pid > 0 && isAlive(pid) && isRedisIn(folder, pid)) {
    await endProcess(pid, { signal: 'SIGTERM', deadlineMs: STOP_DEADLINE_MS });
  }
}

function isRedisIn(folder: string, pid: number): boolean {
  const [title = ''] = commandLine(pid);
  if (!basename(title.split(' ')[0] ?? '').startsWith('redis-server')) return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false;
  }
}

async function pingRedis(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The same error also rejects connect(); without a listener it would be printed as well.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}
