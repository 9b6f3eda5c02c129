/**
 * A process of its own in the storm: the detector with its dispatcher, or a worker whose runtime does
 * nothing but say that a resource is well. Runs the built code; `startStormProcess` starts it.
 */
import { tmpdir } from 'node:os';
import { Connection } from '@temporalio/client';
import { DefaultLogger, Runtime as TemporalRuntime } from '@temporalio/worker';
import { Registry } from 'prom-client';
import type * as Activities from '../../activities';
import type * as ProcessSpec from '../../activities/runtimes/process/spec';
import type * as DetectorModule from '../../detector/detector';
import type { Runtime, StepResult } from '../../domain/action/runtime';
import type * as LoggerModule from '../../platform/logger';
import type * as TemporalModule from '../../platform/temporal-client';
import type * as DatabaseModule from '../../storage/database';
import type * as SamplesModule from '../../storage/samples';
import type * as ControlModule from '../../workers/control';
import type * as SearchAttributes from '../../workers/search-attributes';
import { built } from './built';
import { METRIC, NAMESPACE } from './manifests';
import { watchPasses, type Pass } from './passes';
import type { StormRequest, StormWord } from './storm-words';

const { DEFAULT_CONSTANTS } = built('activities') as typeof Activities;
const { PROCESS_CATALOGUE } = built('activities/runtimes/process/spec') as typeof ProcessSpec;
const { startDetector } = built('detector/detector') as typeof DetectorModule;
const { createLogger } = built('platform/logger') as typeof LoggerModule;
const { createTemporalClient } = built('platform/temporal-client') as typeof TemporalModule;
const { createPool } = built('storage/database') as typeof DatabaseModule;
const { createSampleStore } = built('storage/samples') as typeof SamplesModule;
const { createControlWorker } = built('workers/control') as typeof ControlModule;
const { ensureSearchAttributes } = built('workers/search-attributes') as typeof SearchAttributes;

/** As the processes have by default. */
const POOL_SIZE = 10;
const CACHED_WORKFLOWS = 1000;

const [role = '', databaseUrl = '', address = ''] = process.argv.slice(2);
const target = { connection: { address }, namespace: 'default' };
const logger = createLogger(`bench-${role}`, 'warn');
const pool = createPool({ url: databaseUrl, poolSize: POOL_SIZE, name: role });
const temporal = createTemporalClient(target);
const passes: Pass[] = [];
watchPasses(pool, (pass) => passes.push(pass));

function say(word: StormWord): void {
  process.send?.(word);
}

interface Part {
  report: (values: readonly (readonly [string, number])[]) => Promise<void>;
  stop: () => Promise<void>;
}

async function startDetecting(): Promise<Part> {
  const registry = new Registry();
  const shared = { pool, now: Date.now };
  const detector = await startDetector({ ...shared, registry, logger, temporal: temporal.client });
  const store = createSampleStore({ ...shared, onCommitted: detector.onCommitted });
  return {
    async report(values) {
      const ts = Date.now();
      const samples = values.map(([resource, value]) => ({
        ...{ name: METRIC, source: 'bench', ts, value },
        tags: { namespace: NAMESPACE, resource },
      }));
      await store.append(samples, null);
    },
    async stop() {
      await store.close();
      await detector.stop();
    },
  };
}

async function startWorking(): Promise<Part> {
  const log = new DefaultLogger('WARN');
  TemporalRuntime.install({ logger: log, shutdownSignals: [] });
  const connection = await Connection.connect(target.connection);
  const hasSearchAttributes = await ensureSearchAttributes(connection, target.namespace, logger);
  await connection.close();
  const { worker, connection: native } = await createControlWorker({
    target,
    maxCachedWorkflows: CACHED_WORKFLOWS,
    deps: {
      ...{ pool, temporal: temporal.client, logger, hasSearchAttributes },
      runtimes: new Map([[PROCESS_CATALOGUE.type, createNoOpRuntime()]]),
      home: tmpdir(),
      approvalKey: () => '',
      allowUnsignedSignals: false,
      constants: DEFAULT_CONSTANTS,
    },
  });
  const running = worker.run();
  return {
    report: () => Promise.reject(new Error('a worker takes no samples')),
    async stop() {
      worker.shutdown();
      await running;
      await native.close();
    },
  };
}

/** Its effect: the resource reports from now on that it is well. */
function createNoOpRuntime(): Runtime {
  const done = new Map<string, StepResult>();
  const identities = new Map<string, string>();
  return {
    catalogue: PROCESS_CATALOGUE,
    inspect: ({ resource }) =>
      Promise.resolve({ identity: identities.get(resource) ?? 'first', takenAt: Date.now() }),
    execute({ key, target: { resource } }) {
      const result = { identity: key, summary: 'said that it is well' };
      done.set(key, result);
      identities.set(resource, key);
      say({ kind: 'healed', resource });
      return Promise.resolve(result);
    },
    findDone: ({ key }) => Promise.resolve(done.get(key) ?? null),
    observe: () => Promise.reject(new Error('nobody observes it')),
    ensureRunning: () => Promise.resolve(null),
  };
}

async function main(): Promise<void> {
  const part = await (role === 'detector' ? startDetecting() : startWorking());
  const answer = async (request: StormRequest): Promise<void> => {
    switch (request.kind) {
      case 'report':
        await part.report(request.values);
        say({ kind: 'reported', id: request.id });
        break;
      case 'passes':
        say({ kind: 'passes', passes: passes.splice(0) });
        break;
      case 'stop':
        await part.stop();
        await temporal.close();
        await pool.end();
        process.disconnect();
    }
  };
  process.on('message', (request: StormRequest) => {
    answer(request).catch(fail);
  });
  // Whoever loses its parent has nothing left to do.
  process.on('disconnect', () => process.exit());
  say({ kind: 'ready' });
}

function fail(error: unknown): void {
  logger.error({ err: error }, 'the process of the storm failed');
  process.exit(1);
}

main().catch(fail);
