import { createHash } from 'node:crypto';
import type { ObservedState, Runtime, StepResult } from '../domain/action/runtime';
import { driftOf } from '../domain/drift/diff';
import { isLeft } from '../domain/drift/repair';
import { insertAudit } from '../storage/audit';
import { withTargetLock } from '../storage/journal';
import { forgetStates, recordObservation, startHold } from '../storage/states';
import type { ObservationStore, ObservedResource, Recorded } from '../storage/states';
import { settledTarget, settleTarget } from './settled-target';

export interface ObserveDeps {
  store: ObservationStore;
  /** Host the observer runs on; `control` for the control host. */
  observer: string;
  /** Epoch ms. */
  now: () => number;
}

/** A start must not wait behind an action that works on the same target: the next look decides anew. */
const START_LOCK_WAIT_MS = 1000;

/** Looks at a resource once and writes down what was seen and how it differs from its manifest. */
export async function observe(
  { store, observer, now }: ObserveDeps,
  resource: ObservedResource,
  runtime: Runtime,
): Promise<{ observed: ObservedState; recorded: Recorded }> {
  // Taken before looking: the state is at least as new as its timestamp says.
  const observedAt = now();
  const observed = await runtime.observe(resource);
  if (observed.isUnseen === true) {
    // What another runtime saw before the manifest changed must not stand for ever.
    await forgetStates(store.pool, [resource.resource]);
    return { observed, recorded: { kind: 'skipped', reason: 'unseen' } };
  }
  const changes = driftOf(resource.spec, observed, { sha256, overrides: resource.overrides });
  const recorded = await recordObservation(store, {
    resource,
    observed,
    changes,
    observer,
    observedAt,
  });
  return { observed, recorded };
}

export type StartAnswer =
  | { kind: 'running' }
  | { kind: 'started'; result: StepResult }
  /** It does not run, and its manifest leaves that to others. */
  | { kind: 'left' }
  | { kind: 'held'; by: 'paused' | 'acting' };

/**
 * Starts what is desired and does not run, outside any action: under the lock that actions take,
 * and neither while paused nor while an action holds the target's slot; as the manifest's rules and
 * Vigil's overrides have it. Audited as `started`.
 */
export async function startDesired(
  { store, observer, now }: ObserveDeps,
  resource: ObservedResource,
  runtime: Runtime,
): Promise<StartAnswer> {
  const { identity } = await runtime.inspect(resource);
  if (identity !== null) return { kind: 'running' };
  const early = await startHold(store.pool, resource, now());
  if (early !== null) return { kind: 'held', by: early };
  const options = { waitMs: START_LOCK_WAIT_MS };
  return withTargetLock(store.pool, resource.resource, options, async () => {
    const by = await startHold(store.pool, resource, now());
    if (by !== null) return { kind: 'held', by };
    const target = settledTarget(resource, await settleTarget(runtime, resource));
    if (isLeft(target, '/running')) return { kind: 'left' };
    const result = await runtime.ensureRunning(target);
    if (result === null) return { kind: 'running' };
    await auditStart(store, resource, { result, observer });
    return { kind: 'started', result };
  });
}

async function auditStart(
  { pool }: ObservationStore,
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

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
