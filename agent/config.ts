import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { loadConfig, type ConfigSource } from '../platform/config-loader';
import { duration, home, logSection } from '../platform/config-sections';
import { HOST_KEYS } from './collectors/host';

const schema = z.strictObject({
  home,
  log: logSection,
  agent: z
    .strictObject({
      /** Name of this host, as Services name it. */
      host: z.string().min(1).default(hostname()),
      /** Of the collector; default: on this host, its port shifted like its own. */
      apiUrl: z.url({ protocol: /^https?$/ }).optional(),
      tokenFile: z.string().optional(),
      /** How often the collector is asked what to check. */
      checksInterval: duration.pipe(z.number().min(100, 'must be at least 100ms')).prefault('5s'),
      ...HOST_KEYS,
    })
    .prefault({}),
});

export interface AgentConfig {
  /** Absolute. */
  home: string;
  logLevel: string;
  host: string;
  apiUrl: string;
  tokenFile: string | undefined;
  intervalMs: number;
  checksIntervalMs: number;
}

/** Throws ConfigError. */
export function loadAgentConfig(source: ConfigSource): AgentConfig {
  const { home, log, agent } = loadConfig(schema, source);
  return {
    home: resolve(home),
    logLevel: log.level,
    host: agent.host,
    apiUrl: agent.apiUrl ?? `http://127.0.0.1:${apiPort(source.env)}`,
    tokenFile: agent.tokenFile,
    intervalMs: agent.interval,
    checksIntervalMs: agent.checksInterval,
  };
}

function apiPort(env: NodeJS.ProcessEnv): number {
  const given = Number(env['VIGIL_API_PORT'] ?? env['COLLECTOR_PORT']);
  return given > 0 ? given : 8000 + Number(env['VIGIL_PORT_OFFSET'] ?? 0);
}
