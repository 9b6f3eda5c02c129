import type { FastifyInstance } from 'fastify';
import { startDetector } from '../detector/detector';
import { ConfigError } from '../platform/config-loader';
import { createProcessLifecycle, runProcess } from '../platform/process';
import { createLogger } from '../platform/logger';
import { createRegistry } from '../platform/metrics';
import { createTemporalClient, temporalTarget } from '../platform/temporal-client';
import { readVersion } from '../platform/version';
import { createPool } from '../storage/database';
import { createRedis } from '../storage/redis';
import { createSampleStore } from '../storage/samples';
import { buildApp } from './app';
import { startComparingAnew } from './compare-anew';
import { loadApiConfig, type ApiConfig, type ApiProcessConfig } from './config';
import { startMirror } from './mirror';
import { startRetention } from './retention';
import { startSealer } from './sealer';

/** The api process: takes samples, detects, answers people. Every server may be away when it starts. */
async function run(config: ApiProcessConfig): Promise<void> {
  const logger = createLogger('api', config.log.level);
  const registry = createRegistry('api');
  const lifecycle = createProcessLifecycle(logger);
  const now = Date.now;

  const pool = createPool({ ...config.database, name: 'api' });
  lifecycle.onStop('database', () => pool.end());
  const redis = createRedis(config.redis.url, logger);
  lifecycle.onStop('redis', () => redis?.close());
  const { client: temporal, close } = createTemporalClient(temporalTarget(config.temporal));
  lifecycle.onStop('temporal', close);

  const { retention: retentionMs, auditRetention: auditMs = null } = config.api;
  const retention = startRetention({ pool, logger, now, retentionMs, auditMs });
  lifecycle.onStop('retention', () => retention.stop());
  const sealer = startSealer({ pool, logger });
  lifecycle.onStop('sealer', () => sealer.close());
  const mirror = redis === null ? null : startMirror({ pool, redis, logger });
  lifecycle.onStop('mirror', () => mirror?.close());
  const comparing = startComparingAnew({ pool, logger, now });
  lifecycle.onStop('comparing anew', () => comparing.close());
  const detector = await startDetector({ pool, temporal, logger, registry, now });
  lifecycle.onStop('detector', detector.stop);
  const samples = createSampleStore({ pool, now, onCommitted: detector.onCommitted });
  lifecycle.onStop('samples', () => samples.close());

  const app = await buildApp({
    ...{ pool, temporal, redis, logger, registry, now, samples },
    config: config.api,
    version: readVersion(),
  });
  lifecycle.onStop('http', () => app.close());
  const url = await listen(app, config.api);
  logger.info({ url }, 'ready');
}

/** Returns the URL; a port that cannot be had is a problem of the configuration. */
async function listen(app: FastifyInstance, { host, port }: ApiConfig): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as { code?: string };
    const remedies: Readonly<Record<string, string>> = {
      EADDRINUSE: 'is in use: end what listens there, or set VIGIL_API_PORT or VIGIL_PORT_OFFSET',
      EACCES: 'needs a permission this user lacks: set VIGIL_API_PORT above 1023',
      EADDRNOTAVAIL: 'is no address of this machine: set VIGIL_API_HOST',
    };
    const remedy = remedies[code ?? ''];
    throw remedy === undefined ? cause : new ConfigError([`api: ${host}:${port} ${remedy}`]);
  }
}

runProcess({ load: loadApiConfig, run });
