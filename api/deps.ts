import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Registry } from 'prom-client';
import type { Logger } from '../platform/logger';
import type { RedisLink } from '../storage/redis';
import type { SampleStore } from '../storage/samples';
import type { ApiConfig } from './config';

/** What routes work with; main.ts makes the real ones, tests and the OpenAPI generator their own. */
export interface ApiDeps {
  pool: Pool;
  /** Connects on first use; its namespace is `temporal.options.namespace`. */
  temporal: Client;
  redis: RedisLink | null;
  logger: Logger;
  registry: Registry;
  /** Epoch ms. */
  now: () => number;
  config: ApiConfig;
  samples: SampleStore;
  version: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, for audit rows: `user:<name>`, `token` or `anonymous`. */
    actor: string;
  }
}
