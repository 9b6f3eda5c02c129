import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime as TemporalRuntime, DefaultLogger } from '@temporalio/worker';
import { Connection } from '@temporalio/client';
import { DEFAULT_CONSTANTS, type ActivityDeps } from '../activities';
import { createProcessRuntime } from '../activities/runtimes/process/runtime';
import { createScriptRuntime } from '../activities/runtimes/script/runtime';
import { createWebhookRuntime } from '../activities/runtimes/webhook/runtime';
import type { Runtime } from '../domain/action/runtime';
import { loadConfig } from '../platform/config-loader';
import { startHealthServer } from '../platform/health-server';
import { createProcessLifecycle, runProcess } from '../platform/process';
import { createLogger, type Logger } from '../platform/logger';
import { createRegistry } from '../platform/metrics';
import {
  createTemporalClient,
  temporalTarget,
  type TemporalTarget,
} from '../platform/temporal-client';
import { createPool } from '../storage/database';
import { workerConfigSchema, type WorkerConfig } from './config';
import { createControlWorker, startHousekeeping } from './control';
import { startObserver } from './observe';
import { ensureSearchAttributes } from './search-attributes';

const RETRY_MS = 1000;

/** The worker process: control queue, process runtime and observer of this host. */
async function run(config: WorkerConfig): Promise<void> {
  const logger = createLogger('worker', config.log.level);
  const registry = createRegistry('worker');
  const lifecycle = createProcessLifecycle(logger);

  const pool = createPool({ ...config.database, name: 'worker' });
  pool.on('error', (err) => {
    logger.warn({ err }, 'database connection lost');
  });
  lifecycle.onStop('database', () => pool.end());
  const target = temporalTarget(config.temporal);
  const temporal = createTemporalClient(target);
  lifecycle.onStop('temporal client', temporal.close);

  const processes = createProcessRuntime({ home: config.home, now: Date.now });
  const scripts = createScriptRuntime({ folders: config.worker.script.folders, now: Date.now });
  const webhooks = createWebhookRuntime({ ...config.worker.webhook, now: Date.now });
  const all: Runtime[] = [processes, scripts, webhooks];
  const runtimes = new Map(all.map((runtime) => [runtime.catalogue.type, runtime]));
  const observer = startObserver({
    pool,
    runtimes,
    host: null,
    logger,
    now: Date.now,
    intervalMs: config.worker.observeInterval,
    stopRuntime: (resource) => processes.stop(resource),
    isStoppingWithVigil: process.env['VIGIL_STOP_WITH_VIGIL'] === '1',
  });
  lifecycle.onStop('observer', observer.stop);

  const status = { isPolling: false };
  const health = await startHealthServer({
    host: config.worker.host,
    port: config.worker.port,
    registry,
    health: () =>
      Promise.resolve({ status: status.isPolling ? 'ok' : 'degraded', temporal: status.isPolling }),
  });
  lifecycle.onStop('health', health.close);

  const hasSearchAttributes = await whenReachable(logger, () => prepareServer(target, logger));
  logTemporalThrough(logger);
  const { worker, connection } = await createControlWorker({
    target,
    maxCachedWorkflows: config.worker.maxCachedWorkflows,
    deps: {
      ...{ pool, temporal: temporal.client, logger, runtimes, hasSearchAttributes },
      home: config.home,
      ...settingsOf(config, target),
    },
  });
  const running = worker.run();
  lifecycle.onStop('worker', async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
    await connection.close();
  });
  await whenReachable(logger, () => startHousekeeping(temporal.client, config.worker.reapInterval));
  status.isPolling = true;
  logger.info({ health: health.port, queue: 'control' }, 'ready');
}

function settingsOf(
  config: WorkerConfig,
  target: TemporalTarget,
): Pick<ActivityDeps, 'approvalKey' | 'publicUrl' | 'allowUnsignedSignals' | 'constants'> {
  const { unsignedSignals, reapInterval, retention } = config.worker;
  return {
    approvalKey: approvalKeyReader(config),
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
    allowUnsignedSignals: unsignedSignals ?? isLoopback(target),
    constants: { ...DEFAULT_CONSTANTS, reapAfterMs: reapInterval, retentionMs: retention },
  };
}

/** Keeps trying while Temporal is away; says so once. */
async function whenReachable<T>(logger: Logger, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (err) {
      if (tries === 1) logger.warn({ err }, 'Temporal cannot be reached, trying again');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function prepareServer(target: TemporalTarget, logger: Logger): Promise<boolean> {
  const connection = await Connection.connect({ ...target.connection, connectTimeout: '5s' });
  try {
    return await ensureSearchAttributes(connection, target.namespace, logger);
  } finally {
    await connection.close();
  }
}

function approvalKeyReader(config: WorkerConfig): () => string {
  const path = config.worker.approvalKeyFile ?? join(config.home, 'keys', 'approval.key');
  return () => readFileSync(path, 'utf8').trim();
}

function isLoopback(target: TemporalTarget): boolean {
  const host = (target.connection.address ?? 'localhost:7233').replace(/:\d+$/, '');
  return ['localhost', '[::1]', '::1'].includes(host) || host.startsWith('127.');
}

function logTemporalThrough(logger: Logger): void {
  const levels = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  } as const;
  TemporalRuntime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      logger[levels[level]]({ ...meta }, message);
    }),
  });
}

runProcess({ load: (source) => loadConfig(workerConfigSchema, source), run });
