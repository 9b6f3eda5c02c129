import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { DEFAULT_CONSTANTS, type ActivityDeps } from '../activities';
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
import { runHost } from './host';
import { startNotifier } from './notify';
import { startObserver } from './observe/observer';
import { createRuntimes } from './runtimes';
import { ensureSearchAttributes } from './search-attributes';
import { logTemporalThrough, whenReachable } from './temporal';

/** The worker process: of the control queue, or, where it is given a name, of one host. */
function run(config: WorkerConfig): Promise<void> {
  const host = config.worker.hostName;
  return host === undefined ? runControl(config) : runHost(config, host);
}

/** Control queue, runtimes and observer of the control host. */
async function runControl(config: WorkerConfig): Promise<void> {
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

  const { processes, byType: runtimes } = createRuntimes(config);
  const observer = startObserver({
    pool,
    runtimes,
    host: null,
    logger,
    now: Date.now,
    intervalMs: config.worker.observeInterval,
    resyncMs: config.worker.resyncInterval,
    stopRuntime: (resource) => processes.stop(resource),
    isStoppingWithVigil: process.env['VIGIL_STOP_WITH_VIGIL'] === '1',
  });
  lifecycle.onStop('observer', observer.stop);
  const notifier = startNotifier({
    ...{ pool, logger, registry, now: Date.now, settings: config.worker },
    namespace: target.namespace,
  });
  lifecycle.onStop('notifier', notifier.stop);

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

runProcess({ load: (source) => loadConfig(workerConfigSchema, source), run });
