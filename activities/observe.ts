import type { Pool } from 'pg';
import type { ObservedState, Runtime, RuntimeTarget, StepResult } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import { compare, type Attributions, type Compared } from '../domain/drift/compare';
import { isLeft } from '../domain/drift/repair';
import type { Places } from '../platform/places';
import { sha256 } from '../platform/sha256';
import { insertAudit } from '../storage/audit';
import { withTargetLock } from '../storage/journal';
import type { Observation } from '../storage/observation';
import type { Recorded } from '../storage/observations';
import { forgetStates, startHold, type ObservedResource } from '../storage/states';
import { settledTarget, settleTarget, withAttribution } from './settled-target';

export interface ObserveDeps {
  pool: Pool;
  record: (observation: Observation) => Promise<Recorded>;
  /** Of changes that were found, by pointer how they came about, where somebody told. Absent: nobody does. */
  explain?: (resource: string, changes: readonly Change[]) => Attributions;
  /** Each start holds a connection of its own: by runtime type, how many may at once. Absent: all. */
  starts?: Places;
  /** From then on nothing is started. Absent: never. */
  isStopping?: () => boolean;
  /** Host the observer runs on; `control` for the control host. */
  observer: string;
  /** Epoch ms. */
  now: () => number;
}

/** A start must not wait behind an action that works on the same target: the next look decides anew. */
const START_LOCK_WAIT_MS = 1000;

export interface Observed {
  observed: ObservedState;
  changes: Change[];
  recorded: Recorded;
}

/** Looks at a resource once and writes down what was seen and how it differs from its manifest. */
export async function observe(
  deps: ObserveDeps,
  resource: ObservedResource,
  runtime: Runtime,
): Promise<Observed> {
  // Taken before looking: the state is at least as new as its timestamp says.
  const observedAt = deps.now();
  const seen = await runtime.observe(resource);
  if (seen.isUnseen === true) {
    // What this observer saw before the manifest changed must not stand for ever.
    await forgetStates(deps.pool, [resource.resource], deps.observer);
    return { observed: seen, changes: [], recorded: { kind: 'skipped', reason: 'unseen' } };
  }
  const { observer, explain } = deps;
  const { observed, changes } = compareSeen(resource, seen, explain);
  const recorded = await deps.record({ resource, observed, changes, observer, observedAt });
  return { observed, changes, recorded };
}

/** How what a look saw differs from the manifest, and what explains that. */
export function compareSeen(
  { resource, spec, overrides }: RuntimeTarget,
  seen: ObservedState,
  explain: ObserveDeps['explain'],
): Compared {
  return compare(spec, seen, {
    ...{ sha256, overrides },
    explain: explain && ((found) => explain(resource, found)),
  });
}

export type StartAnswer =
  | { kind: 'running' }
  | { kind: 'started'; result: StepResult }
  /** It does not run, and its manifest leaves that to others. */
  | { kind: 'left' }
  /** `superseded`: its manifest is gone or another one by now. */
  | { kind: 'held'; by: 'paused' | 'acting' | 'superseded' | 'stopping' };

/**
 * Starts what is desired and does not run, outside any action: under the lock that actions take,
 * and neither while paused nor while an action holds the target's slot; as the manifest's rules and
 * Vigil's overrides have it. Audited as `started`.
 */
export async function startDesired(
  deps: ObserveDeps,
  resource: ObservedResource,
  runtime: Runtime,
): Promise<StartAnswer> {
  const { pool, now, starts } = deps;
  const { identity } = await runtime.inspect(resource);
  if (identity !== null) return { kind: 'running' };
  const early = await startHold(pool, resource, now());
  if (early !== null) return { kind: 'held', by: early };
  const start = (): Promise<StartAnswer> => startUnderLock(deps, resource, runtime);
  return starts === undefined ? start() : starts(resource.spec.runtime.type, start);
}

async function startUnderLock(
  { pool, observer, now, isStopping }: ObserveDeps,
  resource: ObservedResource,
  runtime: Runtime,
): Promise<StartAnswer> {
  const options = { waitMs: START_LOCK_WAIT_MS };
  // It may have waited long for its place.
  if (isStopping?.() === true) return { kind: 'held', by: 'stopping' };
  return withTargetLock(pool, resource.resource, options, async () => {
    const by = await startHold(pool, resource, now());
    if (by !== null) return { kind: 'held', by };
    const known = await withAttribution(pool, resource);
    const target = settledTarget(resource, await settleTarget(runtime, known));
    if (isLeft(target, '/running')) return { kind: 'left' };
    const result = await runtime.ensureRunning(target);
    if (result === null) return { kind: 'running' };
    await auditStart(pool, resource, { result, observer });
    return { kind: 'started', result };
  });
}

async function auditStart(
  pool: Pool,
  { resource, namespace, revision }: ObservedResource,
  { result, observer }: { result: StepResult; observer: string },
): Promise<void> {
  await insertAudit(pool, [
    {
      namespace,
      resource,
      policy: null,
      actionId: null,
      step: -1,
      event: 'started',
      actor: 'vigil',
      door: 'worker',
      correlationId: null,
      policyRevision: null,
      details: { identity: result.identity, summary: result.summary, revision, observer },
    },
  ]);
}
