import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { DEFAULT_CONSTANTS, type ActivityDeps } from '../../activities';
import { startDetector, type Detector } from '../../detector/detector';
import type { Runtime } from '../../domain/action/runtime';
import { createLogger } from '../../platform/logger';
import { applyRevision, type ManifestObject } from '../../storage/manifests';
import { query } from '../../storage/database';
import { createSampleStore, type SampleStore } from '../../storage/samples';
import { createControlWorker } from '../../workers/control';
import { createTestDatabase, type TestDatabase } from './database';
import { createTestNamespace, type TestNamespace } from './temporal-namespace';
import { waitFor } from './wait';

export const BUNDLE = join(__dirname, '../../dist/workflow-bundle.js');
export const APPROVAL_KEY = 'a'.repeat(64);

/** Detector, dispatcher and a worker on real PostgreSQL and real Temporal, in this process. */
export interface ControlPlane {
  database: TestDatabase;
  temporal: TestNamespace;
  home: string;
  apply: (...objects: ManifestObject[]) => Promise<void>;
  remove: (kind: 'Service' | 'Policy', name: string) => Promise<void>;
  /** Commits samples of a resource (`default/<name>`) as the collector would; now by default. */
  send: (name: string, metric: string, value: number, ts?: number) => Promise<void>;
  rows: <T>(sql: string, ...params: unknown[]) => Promise<T[]>;
  /** Waits until an action of the resource is recorded with that outcome; returns its id. */
  recorded: (name: string, outcome: string, timeoutMs?: number) => Promise<string>;
  /** Once the effect has happened, sends `up` = 1 until an action of the resource is recorded with that outcome; returns its id. */
  healthyUntil: (name: string, outcome: string) => Promise<string>;
  /** Calls `send` again and again; the answer ends it and waits for what is on its way. */
  keepSending: (everyMs: number, send: () => Promise<unknown>) => () => Promise<void>;
  detector: () => Detector;
  restartDetector: () => Promise<void>;
  stopDetector: () => Promise<void>;
  stop: () => Promise<void>;
}

export async function startControlPlane(
  runtimes: (home: string) => Runtime[],
  options: {
    deps?: Partial<ActivityDeps>;
    sweepMs?: number;
    withWorker?: boolean;
    /** host:port of another Temporal than that of this run. */
    temporalAddress?: string;
  } = {},
): Promise<ControlPlane> {
  const database = await createTestDatabase();
  const temporal = await createTestNamespace(options.temporalAddress);
  const home = mkdtempSync(join(tmpdir(), 'vigil-test-'));
  const logger = createLogger('test', process.env['TEST_LOG'] ?? 'fatal');
  const { pool } = database;
  const deps: ActivityDeps = {
    pool,
    temporal: temporal.client,
    logger,
    runtimes: new Map(runtimes(home).map((r) => [r.catalogue.type, r])),
    home,
    approvalKey: () => APPROVAL_KEY,
    allowUnsignedSignals: true,
    hasSearchAttributes: true,
    constants: { ...DEFAULT_CONSTANTS, reapAfterMs: 500 },
    ...options.deps,
  };
  const workers: { worker: Worker; ended: Promise<void>; close: () => Promise<void> }[] = [];
  if (options.withWorker ?? true) workers.push(await runWorker(temporal, deps));

  const start = (): Promise<Detector> =>
    startDetector({
      pool,
      temporal: temporal.client,
      logger,
      registry: new Registry(),
      now: Date.now,
      tickMs: 50,
      sweepMs: options.sweepMs ?? 60_000,
    });
  let detector: Detector | null = await start();
  const samples: SampleStore = createSampleStore({
    pool,
    now: Date.now,
    onCommitted: (rows) => detector?.onCommitted(rows),
  });

  const plane: ControlPlane = {
    database,
    temporal,
    home,
    detector: () => {
      if (detector === null) throw new Error('the detector is stopped');
      return detector;
    },
    async apply(...objects) {
      const result = await applyRevision(pool, {
        source: 'test',
        author: 'vigil',
        correlationId: null,
        mode: 'upsert',
        objects,
        deletions: [],
      });
      if (result.kind !== 'applied') throw new Error(JSON.stringify(result));
    },
    async remove(kind, name) {
      await applyRevision(pool, {
        source: 'test',
        author: 'vigil',
        correlationId: null,
        mode: 'upsert',
        objects: [],
        deletions: [{ kind, namespace: 'default', name }],
      });
    },
    async send(name, metric, value, ts = Date.now()) {
      await samples.append(
        [
          {
            name: metric,
            tags: { namespace: 'default', resource: name },
            source: 'test',
            ts,
            value,
          },
        ],
        null,
      );
    },
    rows: <T>(sql: string, ...params: unknown[]) => query(pool, sql, params) as Promise<T[]>,
    async recorded(name, outcome, timeoutMs = 40_000) {
      return waitFor(
        `${name} to record ${outcome}`,
        async () => {
          const [row] = await query<{ action_id: string }>(
            pool,
            'select action_id from actions where resource = $1 and outcome = $2 order by requested_at desc',
            [`default/${name}`, outcome],
          );
          return row?.action_id;
        },
        timeoutMs,
      );
    },
    async healthyUntil(name, outcome) {
      await waitFor(`the effect on ${name}`, async () => {
        const verifying = await query(
          pool,
          `select 1 from actions where resource = $1 and state = 'verifying'`,
          [`default/${name}`],
        );
        return verifying.length > 0;
      });
      const stop = plane.keepSending(100, () => plane.send(name, 'up', 1));
      try {
        return await plane.recorded(name, outcome);
      } finally {
        await stop();
      }
    },
    keepSending(everyMs, send) {
      const state = { isStopped: false };
      const running = (async () => {
        while (!state.isStopped) {
          await send();
          await new Promise((resolve) => setTimeout(resolve, everyMs));
        }
      })();
      return async () => {
        state.isStopped = true;
        await running;
      };
    },
    async restartDetector() {
      await detector?.stop();
      detector = await start();
    },
    async stopDetector() {
      await detector?.stop();
      detector = null;
    },
    async stop() {
      await samples.close();
      await detector?.stop();
      for (const { worker, ended, close } of workers) {
        worker.shutdown();
        await ended;
        await close();
      }
      await temporal.close();
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return plane;
}

/** One more worker, for tests that need their own. */
export async function runWorker(
  temporal: TestNamespace,
  deps: ActivityDeps,
): Promise<{ worker: Worker; ended: Promise<void>; close: () => Promise<void> }> {
  const { worker, connection } = await createControlWorker({
    target: { connection: { address: temporal.address }, namespace: temporal.namespace },
    deps,
    maxCachedWorkflows: 50,
    bundlePath: BUNDLE,
  });
  return { worker, ended: worker.run(), close: () => connection.close() };
}
