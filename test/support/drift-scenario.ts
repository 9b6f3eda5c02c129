import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUES } from '../../activities/catalogue';
import { createConfigRuntime } from '../../activities/runtimes/config/runtime';
import { createDockerRuntime } from '../../activities/runtimes/docker/runtime';
import type { Runtime } from '../../domain/action/runtime';
import type { Attribution } from '../../domain/drift/change';
import { parseManifests } from '../../language/manifest/compile';
import { createLogger } from '../../platform/logger';
import { startObserver } from '../../workers/observe/observer';
import { createTestApi, type TestApi } from './api';
import { startControlPlane, type ControlPlane } from './control-plane';
import { waitFor } from './wait';

/** A difference as `drift_events` has it; times in epoch ms. */
export interface Difference {
  pointer: string;
  kind: string;
  desired: unknown;
  observed: unknown;
  severity: string;
  onset: number;
  resolved_at: number | null;
  attribution: Attribution | null;
}

/** A control plane with an observer that looks at real workloads. */
export interface DriftScenario {
  plane: ControlPlane;
  api: TestApi;
  /** Where a config resource keeps its files. */
  folder: string;
  /** Applies YAML as a user writes it; errors are thrown. */
  apply: (yaml: string) => Promise<void>;
  /** What differs now, by pointer. */
  open: (name: string) => Promise<Difference[]>;
  /** Waits until exactly these differ. */
  untilOpen: (
    name: string,
    pointers: readonly string[],
    timeoutMs?: number,
  ) => Promise<Difference[]>;
  /** Waits until it was looked at and found as desired. */
  untilSame: (name: string) => Promise<void>;
  /** Actions on it, oldest first: their outcomes; null: under way. */
  outcomes: (name: string) => Promise<(string | null)[]>;
  stop: () => Promise<void>;
}

/** @param docker address of a Docker engine; absent: no runtime `docker` */
export async function startDriftScenario(docker?: string): Promise<DriftScenario> {
  const all = new Map<string, Runtime>();
  const plane = await startControlPlane((home) => {
    const deps = { home, now: Date.now };
    const runtimes = [
      createConfigRuntime(deps),
      ...(docker === undefined ? [] : [createDockerRuntime({ ...deps, socket: docker })]),
    ];
    for (const runtime of runtimes) all.set(runtime.catalogue.type, runtime);
    return runtimes;
  });
  const observer = startObserver({
    ...{ pool: plane.database.pool, runtimes: all, host: null, now: Date.now },
    logger: createLogger('observer', process.env['TEST_LOG'] ?? 'fatal'),
    ...{ intervalMs: 500, resyncMs: 60_000 },
  });
  const api = await createTestApi({
    pool: plane.database.pool,
    deps: { temporal: plane.temporal.client },
  });
  const folder = join(plane.home, 'files');
  mkdirSync(folder);

  const open = (name: string): Promise<Difference[]> =>
    plane.rows(
      `select pointer, kind, desired, observed, severity, onset, resolved_at, attribution
       from drift_events where resource = $1 and resolved_at is null order by pointer`,
      `default/${name}`,
    );

  return {
    ...{ plane, api, folder, open },
    async apply(yaml) {
      const { objects, problems } = parseManifests(yaml, {
        ...{ file: 'scenario.yaml', catalogue: CATALOGUES },
      });
      const errors = problems.filter(({ severity }) => severity === 'error');
      if (errors.length > 0)
        throw new Error(errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
      await plane.apply(...objects);
    },
    untilOpen: (name, pointers, timeoutMs) =>
      waitFor(
        `${name} to differ in ${pointers.join(' ')}`,
        async () => {
          const found = await open(name);
          return found.map(({ pointer }) => pointer).join() === pointers.join() && found;
        },
        timeoutMs,
      ),
    async untilSame(name) {
      const from = Date.now();
      await waitFor(`${name} to be as desired`, async () => {
        const found = await plane.rows(
          `select 1 from states where resource = $1 and changes = '[]' and (observed ->> 'isRunning')::boolean
             and observed_at > to_timestamp($2 / 1000.0)`,
          `default/${name}`,
          from,
        );
        return found.length > 0;
      });
    },
    async outcomes(name) {
      const rows = await plane.rows<{ outcome: string | null }>(
        'select outcome from actions where resource = $1 order by requested_at',
        `default/${name}`,
      );
      return rows.map(({ outcome }) => outcome);
    },
    async stop() {
      await observer.stop();
      await api.close();
      await plane.stop();
    },
  };
}
