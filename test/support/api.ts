import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { buildApp } from '../../api/app';
import { loadApiConfig, type ApiConfig } from '../../api/config';
import type { ApiDeps } from '../../api/deps';
import { createTemporalClient } from '../../platform/temporal-client';
import { createSampleStore, type SampleStoreOptions } from '../../storage/samples';

export interface TestApi {
  app: FastifyInstance;
  deps: ApiDeps;
  /** Ends the app, its sample store and its Temporal client; not the pool. */
  close: () => Promise<void>;
}

export interface TestApiOptions {
  pool: Pool;
  config?: Partial<ApiConfig>;
  store?: Partial<SampleStoreOptions>;
  deps?: Partial<Pick<ApiDeps, 'redis' | 'logger' | 'now' | 'temporal'>>;
  /** Default: the server of this run. */
  temporalAddress?: string;
}

/** The api without a socket on a real database, with the configuration's defaults. */
export async function createTestApi(options: TestApiOptions): Promise<TestApi> {
  const { pool } = options;
  const now = options.deps?.now ?? Date.now;
  const address = options.temporalAddress ?? process.env['VIGIL_TEST_TEMPORAL_ADDRESS'] ?? '';
  const temporal = createTemporalClient({ connection: { address }, namespace: 'default' });
  const samples = createSampleStore({ pool, now, ...options.store });
  const deps: ApiDeps = {
    pool,
    now,
    samples,
    temporal: temporal.client,
    redis: null,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    config: { ...loadApiConfig({ env: {} }).api, ...options.config },
    version: '0.0.0-test',
    ...options.deps,
  };
  const app = await buildApp(deps);
  return {
    app,
    deps,
    async close() {
      await app.close();
      await samples.close();
      await temporal.close();
    },
  };
}
