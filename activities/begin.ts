import type { PoolClient } from 'pg';
import type { ActionPlan, Outcome } from '../domain/action/action';
import { pauseOf } from '../domain/action/pause';
import { databaseNow } from '../storage/clock';
import { insertAudit } from '../storage/audit';
import { inTransaction, query, type Db } from '../storage/database';
import {
  loadPauses,
  loadPolicy,
  loadPolicyRevision,
  loadResource,
} from '../storage/decision-facts';
import { loadMaintenance } from '../storage/gate-facts';
import { loadGroupKeys } from '../storage/groups';
import { stepEnd } from '../storage/journal';
import { auditOf, findRequest, showState } from '../storage/requests';
import type { RuntimeTarget } from '../domain/action/runtime';
import type { StepParams } from '../domain/policy/policy';
import type { Resource, ServiceSpec } from '../domain/resource';
import { loadOverrides, setOverride } from '../storage/overrides';
import type { ActivityDeps } from './deps';
import { verdictNow } from './observation';
import { withAttribution } from './settled-target';

export interface BeginInput {
  plan: ActionPlan;
  step: number;
  token: number;
  /** What the step's look made of its parameters (`by: 1` → `to: 3`); absent: nothing, or not told. */
  aim?: StepParams;
}

/** Go, with the target as the manifest has it now and when it was looked at; or stop, with how the action ends. */
export type BeginAnswer =
  | { kind: 'go'; target: RuntimeTarget; at: number }
  | { kind: 'stop'; outcome: Extract<Outcome, 'cancelled'>; reason: string };

export function createBeginActivities({ pool }: ActivityDeps) {
  return {
    /**
     * The last look before each step's effect: slot and token, pause, maintenance, manifest and
     * condition. A holder whose slot was reaped learns it here and must not act.
     */
    async begin(input: BeginInput): Promise<BeginAnswer> {
      const { plan } = input;
      const now = await databaseNow(pool);
      const resource = await loadResource(pool, plan.resource);
      const spec = resource?.spec ?? null;
      if (resource === null || spec === null) return stop('the manifest of the resource is gone');
      const request = await findRequest(pool, plan.actionId);
      if (request?.state !== 'granted' || request.token !== input.token) {
        return stop('the slot was lost');
      }
      // Of a run that was reset from outside: what is done cannot be called off, only told.
      const isDone = (await stepEnd(pool, plan.actionId, input.step)) !== null;
      const hindrance = isDone ? null : await hindranceOf(pool, plan, resource, now);
      if (hindrance !== null) return stop(hindrance);
      return inTransaction(pool, (db) => markBegun(db, input, { spec, now }));
    },
  };
}

/** Why the step may not be begun now; null: it may. */
async function hindranceOf(
  db: Db,
  plan: ActionPlan,
  resource: Resource,
  now: number,
): Promise<string | null> {
  const order = await standingOrder(db, plan.resource, now);
  if (order !== null && !(await wasForced(db, plan.actionId))) return order;
  return doubtOf(db, plan, resource, now);
}

/** A pause or a maintenance window that began since the slot was granted; null: none. */
async function standingOrder(db: Db, resource: string, now: number): Promise<string | null> {
  const groups = (await loadGroupKeys(db, [resource])).get(resource) ?? [];
  const pause = pauseOf(await loadPauses(db), { resource, groups }, now);
  if (pause !== null) return `paused (${pause.scope}): ${pause.reason}`;
  const window = (await loadMaintenance(db, [resource], now)).get(resource) ?? null;
  return window && `maintenance ${window.window}: ${window.reason}`;
}

/** Why the condition no longer asks for the action; null when it does, or when a person asked. */
async function doubtOf(
  db: Db,
  plan: ActionPlan,
  resource: Resource,
  now: number,
): Promise<string | null> {
  if (plan.policy === null) return null;
  const current = await loadPolicy(db, plan.policy);
  if (current === null) return 'the policy is gone';
  if (current.policy.enabled === false) return 'the policy is disabled';
  const bound = await loadPolicyRevision(db, plan.policy, plan.policyRevision);
  const { verdict } = await verdictNow(db, resource, bound ?? current.policy, now);
  if (verdict === 'false') return 'cleared';
  return verdict === 'unknown' ? 'the verdict became unknown' : null;
}

async function markBegun(
  db: PoolClient,
  input: BeginInput,
  { spec, now }: { spec: ServiceSpec; now: number },
): Promise<BeginAnswer> {
  // The request first, as everybody locks: whoever withdraws it waits, and then sees that it began.
  const request = await findRequest(db, input.plan.actionId, { lock: true });
  if (request?.state !== 'granted') return stop('the slot was lost');
  const held = await query(
    db,
    `update slots set begun_step = $3, begun_at = clock_timestamp()
      where action_id = $1 and token = $2 returning 1`,
    [input.plan.actionId, input.token, input.step],
  );
  if (held.length === 0) return stop('the slot was lost');
  await query(
    db,
    `update requests set begun_at = clock_timestamp() where action_id = $1 and begun_at is null`,
    [input.plan.actionId],
  );
  await showState(db, input.plan.actionId, 'executing');
  const { action, params } = input.plan.steps[input.step] ?? { action: '', params: {} };
  await insertAudit(db, [
    auditOf(
      input.plan,
      'begun',
      { action, params, token: input.token },
      { step: input.step, door: 'worker' },
    ),
  ]);
  if (!input.plan.dryRun) await overrideFor(db, input, spec);
  const { resource } = input.plan;
  const overrides = (await loadOverrides(db, [resource])).get(resource) ?? [];
  const target = { resource, spec, ...(overrides.length > 0 && { overrides }) };
  return { kind: 'go', target: await withAttribution(db, target), at: now };
}

/** Scaling stands in the place of the manifest's number, from before its effect on. */
async function overrideFor(
  db: PoolClient,
  { plan, step, aim }: BeginInput,
  { scaling }: ServiceSpec,
): Promise<void> {
  const to = aim?.['to'];
  if (plan.steps[step]?.action !== 'scale' || scaling === undefined || typeof to !== 'number')
    return;
  await setOverride(db, {
    ...{ resource: plan.resource, pointer: '/replicas', value: to },
    ...{ policy: plan.policy, actionId: plan.actionId },
    forMs: scaling.overrideForMs ?? null,
  });
}

async function wasForced(db: Db, actionId: string): Promise<boolean> {
  const [row] = await query<{ forced: boolean }>(
    db,
    'select forced from requests where action_id = $1',
    [actionId],
  );
  return row?.forced ?? false;
}

function stop(reason: string): BeginAnswer {
  return { kind: 'stop', outcome: 'cancelled', reason };
}
