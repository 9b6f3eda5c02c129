import type { FastifyInstance } from 'fastify';
import { writeFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { createLogger } from '../platform/logger';
import { createTemporalClient } from '../platform/temporal-client';
import { createPool } from '../storage/database';
import { createSampleStore } from '../storage/samples';
import { buildApp } from './app';
import { loadApiConfig } from './config';

type OpenApiDocument = ReturnType<FastifyInstance['swagger']>;

/** The document of GET /openapi.json, made without any server: clients connect on first use only. */
export async function renderOpenApi(version: string): Promise<OpenApiDocument> {
  const { api, database } = loadApiConfig({ env: {} });
  const pool = createPool({ ...database, name: 'openapi' });
  const temporal = createTemporalClient({ connection: {}, namespace: 'default' });
  const app = await buildApp({
    pool,
    temporal: temporal.client,
    redis: null,
    logger: createLogger('openapi', 'error'),
    registry: new Registry(),
    now: Date.now,
    // The host's name and other particulars of this machine are in no schema.
    config: api,
    samples: createSampleStore({ pool, now: Date.now }),
    version,
  });
  try {
    await app.ready();
    return app.swagger();
  } finally {
    await app.close();
    await temporal.close();
    await pool.end();
  }
}

/** Writes the document; `npm run generate` calls this, CI proves that the file is fresh. */
export async function writeOpenApi(path: string, version: string): Promise<void> {
  const document = await renderOpenApi(version);
  writeFileSync(path, `${JSON.stringify(document, null, 2)}\n`);
}
