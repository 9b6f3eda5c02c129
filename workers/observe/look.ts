import { observe, startDesired, type ObserveDeps } from '../../activities/observe';
import type { Runtime } from '../../domain/action/runtime';
import { createComplaints } from '../../platform/complaints';
import type { Logger } from '../../platform/logger';
import type { Places } from '../../platform/places';
import type { Recorded } from '../../storage/observations';
import type { ObservedResource } from '../../storage/states';

export interface Looking {
  deps: ObserveDeps & Required<Pick<ObserveDeps, 'isStopping'>>;
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  logger: Logger;
}

/**
 * What a look came to; `failed`: it could not be looked at or written down; `stopping`: it is not
 * started any more.
 */
export type Looked =
  'same' | 'differs' | 'failed' | 'stopping' | Extract<Recorded, { kind: 'skipped' }>['reason'];

interface Start {
  resource: ObservedResource;
  runtime: Runtime;
  starts: Places;
}

export interface Look {
  /** @param starts where a start waits for its place */
  at: (resource: ObservedResource, starts: Places) => Promise<Looked>;
  /** It is not there any more. */
  forget: (resource: ObservedResource['resource']) => void;
}

/**
 * One look at one resource: writes what it saw, and starts what is desired and not running, at first
 * sight or when it was never started here. What dies while this runs is left to its policies. Errors
 * are logged once until it succeeds again, and never thrown.
 */
export function createLook(options: Looking): Look {
  const { deps, logger, runtimes } = options;
  // Resource → its generation, once seen running, started, or with an action at work since this process began.
  const settled = new Map<string, number>();
  const complaints = createComplaints(logger, 'resource cannot be observed or started');

  /** False while it is paused, or where its manifest is another one by now: it stays to be started. */
  async function start({ resource, runtime, starts }: Start): Promise<boolean> {
    const answer = await startDesired({ ...deps, starts }, resource, runtime);
    if (answer.kind === 'started')
      logger.info({ resource: resource.resource, ...answer.result }, 'resource started');
    return answer.kind !== 'held' || answer.by === 'acting';
  }

  function isSettled({ resource, createdRevision }: ObservedResource): boolean {
    return settled.get(resource) === createdRevision;
  }

  async function startAtFirstSight(given: Start): Promise<void> {
    const { resource } = given;
    if (isSettled(resource)) return;
    if (await start(given)) settled.set(resource.resource, resource.createdRevision);
  }

  async function observeOnce(resource: ObservedResource, runtime: Runtime) {
    const { observed, recorded, changes } = await observe(deps, resource, runtime);
    const looked: Looked =
      recorded.kind === 'skipped' ? recorded.reason : changes.length > 0 ? 'differs' : 'same';
    return { observed, looked };
  }

  async function lookAt(resource: ObservedResource, starts: Places): Promise<Looked> {
    const runtime = runtimes.get(resource.spec.runtime.type);
    if (runtime === undefined)
      throw new Error(`this worker has no runtime "${resource.spec.runtime.type}"`);
    // Started before it is looked at: that it did not run yet is no drift.
    const given = { resource, runtime, starts };
    const starting = startAtFirstSight(given);
    await starting.catch(() => undefined);
    if (deps.isStopping() && !isSettled(resource)) return starting.then(() => 'stopping');
    const { observed, looked } = await observeOnce(resource, runtime);
    await starting;
    if (!observed.isAbsent || !isSettled(resource)) return looked;
    return (await start(given)) ? (await observeOnce(resource, runtime)).looked : looked;
  }

  async function at(resource: ObservedResource, starts: Places): Promise<Looked> {
    const key = resource.resource;
    try {
      const looked = await lookAt(resource, starts);
      complaints.end(key);
      return looked;
    } catch (error) {
      complaints.say(key, error);
      return 'failed';
    }
  }

  return {
    at,
    forget(key) {
      settled.delete(key);
      complaints.end(key);
    },
  };
}
