import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { endProcess, findByArgument } from './os-process';
import type { ChildSpec } from './supervise';

const STOP_DEADLINE_MS = 10_000;
const START_DEADLINE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 1000;
const RETENTION = '30d';

/** Name → type, as the resource workflow and the action workflow set them. */
const SEARCH_ATTRIBUTES: Readonly<Record<string, string>> = {
  VigilResource: 'Keyword',
  VigilPhase: 'Keyword',
  VigilPolicy: 'KeywordList',
  VigilSeverity: 'Keyword',
  VigilOutcome: 'Keyword',
};
const DYNAMIC_CONFIG = [
  'frontend.enableServerVersionCheck=false',
  // Halves the latency from a signal to its activity.
  'system.enableActivityEagerExecution=true',
];
/** Three times the throughput of the defaults. */
const SQLITE_PRAGMAS = [
  'journal_mode=wal',
  'synchronous=1',
  'cache_size=-64000',
  'wal_autocheckpoint=4000',
];

export interface TemporalOptions {
  binary: string;
  port: number;
  /** null: no Web UI. */
  uiPort: number | null;
  /** null: in memory. */
  dbFile: string | null;
  namespace: string;
}

export interface TemporalServer {
  spec: ChildSpec;
  address: string;
}

/** The dev server as a child; one of a killed run that has the same database file is ended first. */
export async function prepareTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { binary, port, dbFile, namespace } = options;
  const address = `127.0.0.1:${port}`;
  if (dbFile !== null) {
    mkdirSync(dirname(dbFile), { recursive: true });
    await endTemporalOrphans(dbFile);
  }
  return {
    address,
    spec: {
      name: 'temporal',
      command: binary,
      args: serverArguments(options),
      cwd: dbFile === null ? process.cwd() : dirname(dbFile),
      env: process.env,
      hasChannel: false,
      saysReady: false,
      stopSignal: 'SIGTERM',
      stopDeadlineMs: STOP_DEADLINE_MS,
      startDeadlineMs: START_DEADLINE_MS,
      probe: () => findNamespace(address, namespace),
    },
  };
}

export async function endTemporalOrphans(dbFile: string): Promise<void> {
  for (const pid of findByArgument(dbFile)) {
    await endProcess(pid, { signal: 'SIGTERM', deadlineMs: STOP_DEADLINE_MS });
  }
}

/** Resolves when the server answers and knows the namespace. */
export async function findNamespace(address: string, namespace: string): Promise<void> {
  await withConnection(address, async ({ workflowService }) => {
    await workflowService.describeNamespace({ namespace });
  });
}

/** A dev namespace forgets closed workflows after a day; the story of an action should live longer. */
export async function keepHistories(address: string, namespace: string): Promise<void> {
  await withConnection(address, async ({ workflowService }) => {
    await workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl: msToTs(RETENTION) },
    });
  });
}

async function withConnection(
  address: string,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: CONNECT_TIMEOUT_MS });
  try {
    await connection.withDeadline(Date.now() + START_DEADLINE_MS, () => work(connection));
  } finally {
    await connection.close();
  }
}

function serverArguments({ port, uiPort, dbFile, namespace }: TemporalOptions): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
    ...(uiPort === null
      ? ['--headless']
      : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']),
    ...(dbFile === null ? [] : ['--db-filename', dbFile]),
    ...(namespace === 'default' ? [] : ['--namespace', namespace]),
    ...['--log-level', 'warn'],
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
      '--search-attribute',
      `${name}=${type}`,
    ]),
    ...DYNAMIC_CONFIG.flatMap((pair) => ['--dynamic-config-value', pair]),
    ...(dbFile === null ? [] : SQLITE_PRAGMAS.flatMap((pair) => ['--sqlite-pragma', pair])),
  ];
}
