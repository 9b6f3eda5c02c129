import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type NativeConnectionOptions } from '@temporalio/worker';
import { hostAway } from '../activities/host-presence';
import { openFileJournal, type FileJournal } from '../activities/journal-file';
import { pausedByFile } from '../activities/pause-file';
import { createRuntimeActivities } from '../activities/runtime';
import type { Runtime } from '../domain/action/runtime';
import { ConfigError } from '../platform/config-loader';
import { syncFolder, writeDurably } from '../platform/durable-file';
import { takeName, type Release } from '../platform/exclusive';
import { startHealthServer, type HealthAnswer } from '../platform/health-server';
import type { Lifecycle } from '../platform/lifecycle';
import { createLogger, type Logger } from '../platform/logger';
import { createRegistry } from '../platform/metrics';
import { createProcessLifecycle } from '../platform/process';
import { createRestClient } from '../platform/rest-client';
import { temporalTarget, type TemporalTarget } from '../platform/temporal-client';
import { readVersion } from '../platform/version';
import { hostQueue } from '../workflows/contract';
import type { WorkerConfig } from './config';
import { startReporter, type Reporter, type ReporterOptions } from './report';
import { createRuntimes } from './runtimes';
import { logTemporalThrough, whenReachable } from './temporal';

const USER_AGENT = `vigil-worker/${readVersion()}`;
const LOOK_EVERY_MS = 15_000;
const COMPACT_EVERY_MS = 3_600_000;

/**
 * The worker process of one host: its runtimes and a journal on disk. It polls the host's queue and
 * knows neither database nor workflows.
 */
export async function runHost(config: WorkerConfig, host: string): Promise<void> {
  const logger = createLogger('host', config.log.level);
  const lifecycle = createProcessLifecycle(logger);
  const home = resolve(config.home);
  lifecycle.onStop('claim', await claimHome(home));
  const journal = await openHostJournal(home, lifecycle);
  const claim = `${hostQueue(host)}/${await journalId(home)}@${hostname()}`;

  const state: { client: Client | null } = { client: null };
  const health = await startHealthServer({
    host: config.worker.host,
    port: config.worker.port,
    registry: createRegistry('host'),
    health: () => healthOf(state.client, host, home),
  });
  lifecycle.onStop('health', health.close);

  logTemporalThrough(logger);
  const target = temporalTarget(config.temporal);
  const { byType: runtimes } = createRuntimes(config);
  const reporter = startReports(config, { host, runtimes, logger });
  lifecycle.onStop('reporter', () => reporter?.stop());
  const { worker, connection } = await whenReachable(logger, () =>
    createHostWorker({ target, host, claim, home, journal, runtimes }),
  );
  const running = worker.run();
  lifecycle.onStop('worker', async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
    await connection.close();
  });
  state.client = new Client({ connection, namespace: target.namespace });
  lifecycle.onStop('watch', watchClaims(state.client, host, logger));
  logger.info({ health: health.port, queue: hostQueue(host), claim }, 'ready');
}

/** Null: nobody told where to. */
function startReports(
  { api, worker }: WorkerConfig,
  options: Pick<ReporterOptions, 'host' | 'runtimes' | 'logger'>,
): Reporter | null {
  const { apiUrl, observeInterval } = worker;
  if (apiUrl === undefined) {
    const remedy = 'set VIGIL_WORKER_API_URL';
    options.logger.info({ remedy }, 'the state of what runs here is not reported');
    return null;
  }
  const headers = { 'user-agent': USER_AGENT, 'x-vigil-actor': `worker@${options.host}` };
  const send = createRestClient({ apiUrl, tokenFile: api.tokenFile, headers, now: Date.now });
  return startReporter({ ...options, send, now: Date.now, intervalMs: observeInterval });
}

/** Polls for one host; `claim` is the identity under which Temporal shows it. */
export async function createHostWorker(options: {
  target: TemporalTarget;
  host: string;
  claim: string;
  home: string;
  journal: FileJournal;
  runtimes: ReadonlyMap<string, Runtime>;
}): Promise<{ worker: Worker; connection: NativeConnection }> {
  const { target, host, claim, home, journal, runtimes } = options;
  const connection = await NativeConnection.connect(target.connection as NativeConnectionOptions);
  const worker = await Worker.create({
    connection,
    namespace: target.namespace,
    taskQueue: hostQueue(host),
    identity: claim,
    activities: createRuntimeActivities({ journal, runtimes, home, claim }),
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    maxConcurrentActivityTaskExecutions: 20,
    shutdownGraceTime: '10s',
  });
  return { worker, connection };
}

/** Makes this the only host worker of a home. Throws ConfigError when another one runs. */
async function claimHome(home: string): Promise<Release> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const { dev, ino } = await stat(home);
  const release = await takeName(`host-worker:${dev}:${ino}`);
  if (release !== null) return release;
  throw new ConfigError([
    `another host worker already runs in ${home}; stop it, or give this one a VIGIL_HOME of its own`,
  ]);
}

function journalFolder(home: string): string {
  return join(home, 'journal');
}

async function openHostJournal(home: string, lifecycle: Lifecycle): Promise<FileJournal> {
  const journal = await openFileJournal({ folder: journalFolder(home), now: Date.now });
  await journal.compact();
  const timer = setInterval(() => void journal.compact(), COMPACT_EVERY_MS);
  lifecycle.onStop('compaction', () => {
    clearInterval(timer);
  });
  return journal;
}

/** Names the journal for ever: made with it, and gone with it. */
export async function journalId(home: string): Promise<string> {
  const path = join(journalFolder(home), 'host-id');
  const draft = `${path}.${process.pid}`;
  await writeDurably(draft, randomUUID());
  try {
    // Never replaces one that is there.
    await link(draft, path);
    await syncFolder(journalFolder(home));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return (await readFile(path, 'utf8')).trim();
}

async function healthOf(client: Client | null, host: string, home: string): Promise<HealthAnswer> {
  const temporal = client === null ? 'not reached yet' : await hostAway(client, host);
  const paused = pausedByFile(home);
  return { status: temporal === null ? 'ok' : 'degraded', host, problem: temporal, paused };
}

/** Says when another worker claims the same host: the control plane then holds its actions. */
function watchClaims(client: Client, host: string, logger: Logger): () => void {
  let said: string | null = null;
  const timer = setInterval(() => {
    void hostAway(client, host).then((problem) => {
      if (problem !== null && problem !== said)
        logger.error({ host, problem }, 'host is contested');
      said = problem;
    });
  }, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
  };
}
