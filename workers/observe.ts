import type { Pool } from 'pg';
import { observe, startDesired, type ObserveDeps } from '../activities/observe';
import type { Runtime, RuntimeTarget } from '../domain/action/runtime';
import { createBell } from '../platform/bell';
import type { Logger } from '../platform/logger';
import { listen } from '../storage/listen';
import { createObservationStore, listObserved, type ObservedResource } from '../storage/states';

export interface ObserverOptions {
  pool: Pool;
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  /** Null: the control host. Resources of other hosts are left alone. */
  host: string | null;
  logger: Logger;
  /** Epoch ms. */
  now: () => number;
  intervalMs?: number;
  /** Resources looked at side by side. */
  concurrency?: number;
  /** Ends a process outside any action. */
  stopRuntime?: (target: RuntimeTarget) => Promise<unknown>;
  /** On the way out, stop what says `stopWithVigil`. */
  isStoppingWithVigil?: boolean;
}

export interface Observer {
  /** Ends after the looks under way, and after what stops with Vigil has stopped. */
  stop: () => Promise<void>;
}

/**
 * Looks at every resource of this host, each interval and after each revision: writes what it saw,
 * and starts what is desired and not running, at first sight or when it was never started here.
 * What dies while this runs is left to its policies.
 */
export function startObserver(options: ObserverOptions): Observer {
  const { pool, logger, intervalMs = 2000, concurrency = 8 } = options;
  const bell = createBell();
  const look = createLook(options);
  let latest: ObservedResource[] = [];
  let isAway = false;

  async function pass(): Promise<void> {
    try {
      latest = await listObserved(pool, options.host);
      isAway = false;
    } catch (error) {
      if (!isAway) logger.warn({ err: error }, 'resources cannot be listed, trying again');
      isAway = true;
      return;
    }
    const waiting = [...latest];
    await Promise.all(
      Array.from({ length: Math.min(concurrency, waiting.length) }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          if (bell.isStopped()) return;
          await look(next);
        }
      }),
    );
  }

  async function run(): Promise<void> {
    while (!bell.isStopped()) {
      await pass();
      await bell.wait(intervalMs);
    }
  }

  const listener = listen(pool, { channels: ['vigil_revision'], onNotify: bell.ring });
  const running = run();
  return {
    async stop() {
      bell.stop();
      await Promise.all([running, listener.close()]);
      if (isStoppingWithVigil(options)) await stopAll(latest, options);
    },
  };
}

/** One look at one resource; errors are logged once until it succeeds again, and never thrown. */
function createLook(options: ObserverOptions): (resource: ObservedResource) => Promise<void> {
  const { pool, logger, runtimes, now } = options;
  const deps: ObserveDeps = {
    store: createObservationStore(pool),
    observer: options.host ?? 'control',
    now,
  };
  // Resource → its generation, once seen running, started, or with an action at work since this process began.
  const settled = new Map<string, number>();
  const failing = new Map<string, string>();

  /** False while it is paused: it stays to be started. */
  async function start(resource: ObservedResource, runtime: Runtime): Promise<boolean> {
    const answer = await startDesired(deps, resource, runtime);
    if (answer.kind === 'started')
      logger.info({ resource: resource.resource, ...answer.result }, 'resource started');
    return answer.kind !== 'held' || answer.by !== 'paused';
  }

  function isSettled({ resource, createdRevision }: ObservedResource): boolean {
    return settled.get(resource) === createdRevision;
  }

  async function startAtFirstSight(resource: ObservedResource, runtime: Runtime): Promise<void> {
    if (isSettled(resource)) return;
    if (await start(resource, runtime)) settled.set(resource.resource, resource.createdRevision);
  }

  async function lookAt(resource: ObservedResource): Promise<void> {
    const runtime = runtimes.get(resource.spec.runtime.type);
    if (runtime === undefined)
      throw new Error(`this worker has no runtime "${resource.spec.runtime.type}"`);
    try {
      // Started before it is looked at: that it did not run yet is no drift.
      await startAtFirstSight(resource, runtime);
    } finally {
      const { observed } = await observe(deps, resource, runtime);
      if (observed.isAbsent && isSettled(resource) && (await start(resource, runtime)))
        await observe(deps, resource, runtime);
    }
  }

  return async (resource) => {
    const key = resource.resource;
    try {
      await lookAt(resource);
      failing.delete(key);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (failing.get(key) !== message)
        logger.error({ resource: key, err: error }, 'resource cannot be observed or started');
      failing.set(key, message);
    }
  };
}

function isStoppingWithVigil({ isStoppingWithVigil: given }: ObserverOptions): boolean {
  return given ?? process.env['VIGIL_STOP_WITH_VIGIL'] === '1';
}

async function stopAll(
  resources: readonly ObservedResource[],
  { stopRuntime, logger }: ObserverOptions,
): Promise<void> {
  if (stopRuntime === undefined) return;
  const ending = resources.filter(
    ({ spec }) => spec.runtime.type === 'process' && spec.runtime.stopWithVigil,
  );
  await Promise.all(
    ending.map(async (target) => {
      try {
        await stopRuntime(target);
        logger.info({ resource: target.resource }, 'resource stopped with vigil');
      } catch (error) {
        logger.error({ resource: target.resource, err: error }, 'resource cannot be stopped');
      }
    }),
  );
}
