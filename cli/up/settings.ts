import { z } from 'zod';
import { ConfigError, loadConfig } from '../../platform/config-loader';
import { home, port, redisSection, temporalSection } from '../../platform/config-sections';
import { temporalTarget, type TemporalTarget } from '../../platform/temporal-client';
import { homeFolder } from './paths';

const LOOPBACK = '127.0.0.1';
const listener = (fallback: number) =>
  z.object({ host: z.string().default(LOOPBACK), port: port.default(fallback) }).prefault({});

/** Only what the start needs to know of each section; the processes check their own in full. */
const schema = z.object({
  home,
  database: z.object({ url: z.string().min(1).optional() }).prefault({}),
  redis: redisSection,
  temporal: temporalSection,
  api: listener(8000),
  worker: listener(8081),
  gitops: listener(8082),
});

/** Not in a section of their own: these servers only exist when `vigil up` starts them. */
const serverPorts = z.object({
  VIGIL_PORT_OFFSET: z.coerce.number().int().min(0).max(50_000).default(0),
  VIGIL_TEMPORAL_PORT: port.optional(),
  VIGIL_TEMPORAL_UI_PORT: port.optional(),
  VIGIL_DEMO_PORT: port.optional(),
});
const TEMPORAL_PORT = 7233;
const TEMPORAL_UI_PORT = 8233;
/** The manifests of manifests/demo/ ask for it by the name VIGIL_DEMO_PORT. */
const DEMO_PORT = 18_080;

export interface Listener {
  host: string;
  port: number;
}

export interface Settings {
  /** Absolute. */
  home: string;
  /** null: start one. */
  databaseUrl: string | null;
  /** null: start one. */
  temporal: TemporalTarget | null;
  redisUrl: string | null;
  namespace: string;
  temporalPort: number;
  uiPort: number;
  /** Temporal's ports that nobody named and an offset has moved: see moveTakenPorts. */
  movable: readonly ('temporalPort' | 'uiPort')[];
  /** Where the demo's web server listens. */
  demoPort: number;
  api: Listener;
  worker: Listener;
  gitops: Listener;
}

/** What `vigil up` starts and where, from the configuration file and the environment. Throws ConfigError. */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  const ports = serverPorts.safeParse(withoutEmpty(env));
  if (!ports.success) throw portProblem(ports.error);
  const config = loadConfig(schema, { env });
  const target = temporalTarget(config.temporal);
  const offset = ports.data.VIGIL_PORT_OFFSET;
  return {
    home: homeFolder(config.home === '.vigil' ? env : { VIGIL_HOME: config.home }),
    databaseUrl: config.database.url ?? null,
    temporal: target.connection.address === undefined ? null : target,
    redisUrl: config.redis.url ?? null,
    namespace: target.namespace,
    temporalPort: ports.data.VIGIL_TEMPORAL_PORT ?? TEMPORAL_PORT + offset,
    uiPort: ports.data.VIGIL_TEMPORAL_UI_PORT ?? TEMPORAL_UI_PORT + offset,
    movable: offset === 0 ? [] : movablePorts(ports.data),
    demoPort: ports.data.VIGIL_DEMO_PORT ?? DEMO_PORT + offset,
    api: config.api,
    worker: config.worker,
    gitops: config.gitops,
  };
}

function movablePorts(named: z.output<typeof serverPorts>): Settings['movable'] {
  const movable: ('temporalPort' | 'uiPort')[] = [];
  if (named.VIGIL_TEMPORAL_PORT === undefined) movable.push('temporalPort');
  if (named.VIGIL_TEMPORAL_UI_PORT === undefined) movable.push('uiPort');
  return movable;
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

function portProblem(error: z.ZodError): ConfigError {
  return new ConfigError(
    error.issues.map((issue) => `environment variable ${issue.path.join('.')}: ${issue.message}`),
  );
}
