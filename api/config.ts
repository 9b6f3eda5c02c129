import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { loadConfig, type ConfigSource } from '../platform/config-loader';
import {
  databaseSection,
  duration,
  home,
  logSection,
  port,
  publicUrl,
  redisSection,
  temporalSection,
} from '../platform/config-sections';

const count = z.coerce.number().int().min(1);

const apiSection = z
  .strictObject({
    host: z.string().default('127.0.0.1'),
    port: port.default(8000),
    /** File that holds the bearer token; without it only a loopback address is served. */
    tokenFile: z.string().optional(),
    /** The name under which the control host appears; resources without hosts live there. */
    controlHost: z.string().default(hostname()),
    /** Base of Temporal's Web UI, for links in answers. */
    uiUrl: z.string().optional(),
    /** Samples in one request. */
    maxBatch: count.default(10_000),
    /** Bytes of a request body. */
    bodyLimit: count.default(8 * 1024 * 1024),
    /** Requests per client and minute. */
    rateLimit: count.default(20_000),
    /** Samples older than this are refused, and their partitions dropped. */
    retention: duration.prefault('30d'),
    /** A resource that nobody has seen for so long counts as stale. */
    staleAfter: duration.prefault('3m'),
    /** Sealed audit rows older than this are dropped behind a checkpoint; absent: kept for ever. */
    auditRetention: duration.optional(),
    /** HMAC key that signs decisions; default `<home>/keys/approval.key`. */
    approvalKeyFile: z.string().optional(),
  })
  .prefault({});

const schema = z.object({
  home,
  publicUrl,
  database: databaseSection,
  redis: redisSection,
  temporal: temporalSection,
  log: logSection,
  api: apiSection,
});

export type ApiConfig = Omit<z.output<typeof apiSection>, 'approvalKeyFile'> & {
  approvalKeyFile: string;
  /** Base of the links that are handed out; absent: the host that the request named. */
  publicUrl?: string | undefined;
};
export type ApiProcessConfig = Omit<z.output<typeof schema>, 'api'> & { api: ApiConfig };

/** The api's configuration with every default filled in. Throws ConfigError. */
export function loadApiConfig(source: ConfigSource): ApiProcessConfig {
  const config = loadConfig(schema, source);
  const approvalKeyFile = config.api.approvalKeyFile ?? join(config.home, 'keys', 'approval.key');
  const { publicUrl: base } = config;
  return { ...config, api: { ...config.api, approvalKeyFile, publicUrl: base } };
}
