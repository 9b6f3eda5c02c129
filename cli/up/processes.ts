import { join } from 'node:path';
import type { Listener, Settings } from './settings';
import type { ChildSpec } from './supervise';

const START_DEADLINE_MS = 90_000;

interface ProcessEntry {
  name: string;
  /** Below dist/. */
  main: string;
  listens: (settings: Settings) => Listener | null;
  stopDeadlineMs: number;
  extra?: NodeJS.ProcessEnv;
}

/** In order of start; they are stopped in reverse. The worker's deadline is beyond Temporal's grace time. */
const PROCESSES: readonly ProcessEntry[] = [
  { name: 'api', main: 'api/main.js', listens: ({ api }) => api, stopDeadlineMs: 10_000 },
  {
    name: 'worker',
    main: 'workers/main.js',
    listens: ({ worker }) => worker,
    stopDeadlineMs: 20_000,
    // On its way out it also stops what says `stopWithVigil`.
    extra: { VIGIL_STOP_WITH_VIGIL: '1' },
  },
  {
    name: 'gitops',
    main: 'gitops/main.js',
    listens: ({ gitops }) => gitops,
    stopDeadlineMs: 10_000,
  },
  { name: 'agent', main: 'agent/main.js', listens: () => null, stopDeadlineMs: 10_000 },
];

export const PROCESS_NAMES = PROCESSES.map(({ name }) => name);

export function processMain(name: string, root: string): string | null {
  const entry = PROCESSES.find((process) => process.name === name);
  return entry === undefined ? null : join(root, 'dist', entry.main);
}

/** Marks a process as belonging to a home, for whoever reads `ps` and for the next start. */
export function homeMark(home: string): string {
  return `--home=${home}`;
}

/** The four processes as children of `vigil up`. */
export function processSpecs(
  settings: Settings,
  root: string,
  env: NodeJS.ProcessEnv,
): ChildSpec[] {
  return PROCESSES.map(({ name, main, listens, stopDeadlineMs, extra }) => ({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', join(root, 'dist', main), homeMark(settings.home)],
    cwd: root,
    env: { ...env, ...extra },
    hasChannel: true,
    saysReady: true,
    stopSignal: 'SIGTERM',
    stopDeadlineMs,
    startDeadlineMs: START_DEADLINE_MS,
    probe: probeOf(listens(settings)),
  }));
}

/** What the processes share, every port and server spelt out so that none takes a default. */
export function processEnvironment(
  settings: Settings,
  servers: { databaseUrl: string; temporalAddress: string | null; redisUrl: string | null },
): NodeJS.ProcessEnv {
  const { api, worker, gitops } = settings;
  return {
    VIGIL_HOME: settings.home,
    VIGIL_DATABASE_URL: servers.databaseUrl,
    ...(servers.temporalAddress === null
      ? {}
      : { VIGIL_TEMPORAL_ADDRESS: servers.temporalAddress, ...webUi(settings.uiPort) }),
    ...(servers.redisUrl === null ? {} : { VIGIL_REDIS_URL: servers.redisUrl }),
    VIGIL_API_HOST: api.host,
    VIGIL_API_PORT: String(api.port),
    VIGIL_API_URL: urlOf(api),
    VIGIL_WORKER_HOST: worker.host,
    VIGIL_WORKER_PORT: String(worker.port),
    VIGIL_GITOPS_HOST: gitops.host,
    VIGIL_GITOPS_PORT: String(gitops.port),
    VIGIL_DEMO_PORT: String(settings.demoPort),
  };
}

/** How this machine reaches a listener; one on every address is reached by loopback. */
export function urlOf({ host, port }: Listener): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function probeOf(listener: Listener | null): () => Promise<void> {
  return () => (listener === null ? Promise.resolve() : probeHealth(urlOf(listener)));
}

async function probeHealth(url: string): Promise<void> {
  const PROBE_TIMEOUT_MS = 2000;
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}/health answers ${response.status}: ${body}`);
}

/** Where answers and notices link to, while the Web UI is that of our own dev server. */
function webUi(port: number): NodeJS.ProcessEnv {
  const url = `http://127.0.0.1:${port}`;
  return { VIGIL_API_UI_URL: url, VIGIL_WORKER_UI_URL: url };
}
