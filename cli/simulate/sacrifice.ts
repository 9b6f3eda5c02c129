import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Anything, type ResourceAnswer } from '../answers';
import { ApiFailure, type ApiClient } from '../client';
import { freePort } from '../up/ports';
import { repositoryRoot } from '../up/paths';
import { processesOfRun, RUN_VARIABLE, signalRun } from './local-process';
import type { Pace } from './pace';
import type { Scenario } from './scenarios';
import { readResource, simulationKey, type Subject } from './subject';

const NAMESPACE = 'simulation';
const READY_MS = 60_000;
const END_MS = 20_000;

/** A Service made for one run, with its policies; nobody minds what happens to it. */
export interface Sacrifice extends Subject {
  /** Manifests by kind and name, in the order in which they are deleted. */
  manifests: { kind: 'Policy' | 'Service'; name: string }[];
}

/** Marks what one run makes; also the end of every name in it. */
export function newRun(): string {
  return randomBytes(3).toString('hex');
}

/** Puts a Service and its policies through the API, under names of their own. */
export async function createSacrifice(
  api: ApiClient,
  run: string,
  { kind, scenario }: { kind: string; scenario: Scenario },
): Promise<Sacrifice> {
  const name = `${kind}-${run}-${randomBytes(2).toString('hex')}`;
  const port = await freePort();
  const policies = scenario.policies.map((draft) => policyManifest(name, draft));
  const json = [serviceManifest({ name, port, run }), ...policies];
  await api.send({ method: 'PUT', path: '/manifests', json }, Anything);
  return {
    resource: simulationKey(name),
    origin: `http://127.0.0.1:${port}`,
    manifests: [
      ...policies.map(({ metadata }) => ({ kind: 'Policy' as const, name: metadata.name })),
      { kind: 'Service', name },
    ],
  };
}

export function serviceManifest({ name, port, run }: { name: string; port: number; run: string }) {
  return {
    apiVersion: 'vigil.io/v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      runtime: {
        type: 'process',
        command: [process.execPath, join(repositoryRoot(), 'examples', 'web', 'server.mjs')],
        env: { PORT: String(port), [RUN_VARIABLE]: run },
        stopWithVigil: true,
      },
      healthCheck: {
        endpoint: `http://127.0.0.1:${port}/health`,
        interval: '1s',
        timeout: '800ms',
      },
      sync: { mode: 'detect' },
    },
  };
}

export function policyManifest(service: string, draft: Scenario['policies'][number]) {
  return {
    apiVersion: 'vigil.io/v1',
    kind: 'Policy',
    metadata: { name: `${service}-${draft.suffix}`, namespace: NAMESPACE },
    spec: {
      target: { kind: 'Service', name: service },
      condition: draft.condition,
      severity: draft.severity,
      action: 'restart',
      cooldown: '10s',
      verify: { settle: '1s', stable: '3s', within: '45s' },
    },
  };
}

/** Waits until it runs and every policy sees it as healthy; `feed` is called before each look. */
export async function untilHealthy(
  { api, pace }: { api: ApiClient; pace: Pace },
  { resource }: Sacrifice,
  feed: () => Promise<void>,
): Promise<void> {
  let missing = '';
  await pace.until(
    async () => {
      await feed();
      missing = missingFor(await readResource(api, resource));
      return missing === '' ? true : null;
    },
    {
      withinMs: READY_MS,
      everyMs: 1000,
      words: () =>
        `${resource} is not healthy after ${READY_MS / 1000} s; still missing ${missing}`,
    },
  );
}

function missingFor({ observed, policies }: ResourceAnswer): string {
  if (observed?.isRunning !== true) return 'its process: is a worker running?';
  if (policies.length === 0) return 'its policies';
  const unclear = policies.filter(({ verdict }) => verdict !== 'false');
  const states = unclear.map(({ policy, verdict }) => `${policy} is ${verdict}`);
  return states.length === 0 ? '' : `samples: ${states.join(', ')}; is an agent running?`;
}

/**
 * Deletes what the run made, then ends its processes: Vigil stops managing, and never stops a workload.
 * A worker may start a process once more before it hears of the deletion, so it looks until none comes back.
 */
export async function removeSacrifices(
  { api, pace }: { api: ApiClient; pace: Pace },
  run: string,
  sacrifices: readonly Sacrifice[],
): Promise<void> {
  for (const { kind, name } of sacrifices.flatMap(({ manifests }) => manifests)) {
    await deleteManifest(api, `/manifests/${kind}/${NAMESPACE}/${name}`);
  }
  let quietLooks = 0;
  let signal: NodeJS.Signals = 'SIGTERM';
  await pace.until(
    () => {
      quietLooks = signalRun(run, signal) === 0 ? quietLooks + 1 : 0;
      signal = 'SIGKILL';
      return Promise.resolve(quietLooks >= 4 ? true : null);
    },
    {
      withinMs: END_MS,
      words: () => `processes ${processesOfRun(run).join(', ')} do not end: kill them`,
    },
  );
}

async function deleteManifest(api: ApiClient, path: string): Promise<void> {
  try {
    await api.send({ method: 'DELETE', path }, Anything);
  } catch (error) {
    // Interrupted before it was put, or deleted by somebody else: gone is what we want.
    if (!(error instanceof ApiFailure && error.status === 404)) throw error;
  }
}
