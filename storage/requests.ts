import { createHash } from 'node:crypto';
import type { ActionPlan, Outcome } from '../domain/action/action';
import type { AuditEvent } from '../domain/audit';
import { canonicalJson } from '../domain/canonical-json';
import type { LinkMaker } from '../domain/approval-link';
import { askPeople, asksPeople, settleNotices } from './approvals';
import { insertAudit } from './audit';
import { query, type Db } from './database';

export type RequestState = 'awaiting_approval' | 'open' | 'granted' | 'closed';

export interface StoredRequest {
  action_id: string;
  resource: string;
  policy: string | null;
  generation: number;
  state: RequestState;
  plan: ActionPlan;
  waiter: string;
  outcome: Outcome | null;
  created_at: number;
  /** Fencing token of its slot; null without one. */
  token: number | null;
  granted_at: number | null;
  begun_at: number | null;
}

const COLUMNS = `r.action_id, r.resource, r.policy, r.generation, r.state, r.plan, r.waiter,
  r.outcome, r.created_at, s.token, s.granted_at, coalesce(s.begun_at, r.begun_at) as begun_at`;

/** A request by action id, locked until the transaction ends when `lock` is set. */
export async function findRequest(
  db: Db,
  actionId: string,
  options: { lock: boolean } = { lock: false },
): Promise<StoredRequest | null> {
  const [row] = await query<StoredRequest>(
    db,
    `select ${COLUMNS} from requests r left join slots s using (action_id)
      where r.action_id = $1 ${options.lock ? 'for update of r' : ''}`,
    [actionId],
  );
  return row ?? null;
}

/** The request of (resource, policy) that is not closed, if any. */
export async function findOpenRequest(
  db: Db,
  resource: string,
  policy: string,
): Promise<StoredRequest | null> {
  const [row] = await query<StoredRequest>(
    db,
    `select ${COLUMNS} from requests r left join slots s using (action_id)
      where r.resource = $1 and r.policy = $2 and r.state <> 'closed'`,
    [resource, policy],
  );
  return row ?? null;
}

/** All requests that are not closed and older than `ageMs`, for the reaper. */
export async function listOpenRequests(db: Db, ageMs: number): Promise<StoredRequest[]> {
  return query<StoredRequest>(
    db,
    `select ${COLUMNS} from requests r left join slots s using (action_id)
      where r.state in ('awaiting_approval', 'open', 'granted') and r.created_at < now() - make_interval(secs => $1::float8 / 1000)
      order by r.created_at`,
    [ageMs],
  );
}

export interface NewRequest {
  plan: ActionPlan;
  generation: number;
  episode: number;
  since: number;
  maxConcurrent: number | null;
  forced: boolean;
  state: 'awaiting_approval' | 'open';
  waiter: string;
  /** Puts links into the notice that asks people. */
  makeLink?: LinkMaker | null;
}

/** Inserts the request, its projection and its audit rows. The attempt is the next one of the episode. */
export async function insertRequest(db: Db, request: NewRequest): Promise<void> {
  const { plan } = request;
  await query(
    db,
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity,
                           since, max_concurrent, policy_revision, plan, state, waiter, forced)
     values ($1, $2, $3, $4, $5,
             case when $3::text is null then 1 else
               (select coalesce(max(attempt), 0) + 1 from requests
                 where resource = $2 and policy = $3 and generation = $4 and episode = $5) end,
             $2, $6, to_timestamp($7::float8 / 1000), $8, $9, $10, $11, $12, $13)`,
    [
      plan.actionId,
      plan.resource,
      plan.policy,
      request.generation,
      request.episode,
      plan.severity,
      request.since,
      request.maxConcurrent,
      plan.policyRevision,
      JSON.stringify(plan),
      request.state,
      request.waiter,
      request.forced,
    ],
  );
  await query(
    db,
    `insert into actions (action_id, resource, policy, policy_revision, severity, steps, state, dry_run,
                          requested_by, reason, correlation_id, approval_deadline)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
             clock_timestamp() + make_interval(secs => $12::float8 / 1000))`,
    [
      plan.actionId,
      plan.resource,
      plan.policy,
      plan.policyRevision,
      plan.severity,
      JSON.stringify(plan.steps),
      request.state === 'open' ? 'queued' : 'awaiting_approval',
      plan.dryRun,
      plan.requestedBy,
      plan.reason,
      plan.correlationId,
      plan.approval?.deadlineMs ?? null,
    ],
  );
  const row = auditOf(plan, 'requested', {
    steps: plan.steps,
    reason: plan.reason,
    dryRun: plan.dryRun,
    severity: plan.severity,
    since: new Date(request.since).toISOString(),
  });
  await insertAudit(db, [row]);
  if (!asksPeople(plan)) return;
  const asked = await askPeople(db, plan, request.makeLink ?? null);
  await insertAudit(db, [auditOf(plan, 'approval_asked', { ...plan.approval, ...asked })]);
}

/** Moves the projection on; never backwards from recorded. */
export async function showState(
  db: Db,
  actionId: string,
  state: 'queued' | 'admitted' | 'executing' | 'verifying',
): Promise<void> {
  await query(
    db,
    `update actions set state = $2,
            admitted_at = case when $2 = 'admitted' then clock_timestamp() else admitted_at end
      where action_id = $1 and state <> 'recorded'`,
    [actionId, state],
  );
}

export async function setRequestState(
  db: Db,
  actionId: string,
  state: RequestState,
): Promise<void> {
  await query(db, 'update requests set state = $2 where action_id = $1', [actionId, state]);
}

/** Closes the request with its outcome, frees its slot and completes the projection. */
export async function closeRequest(
  db: Db,
  actionId: string,
  end: { outcome: string; reason: string },
): Promise<void> {
  await query(
    db,
    `update requests set state = 'closed', outcome = $2, closed_at = clock_timestamp()
      where action_id = $1`,
    [actionId, end.outcome],
  );
  await query(db, 'delete from slots where action_id = $1', [actionId]);
  await query(
    db,
    `update actions set state = 'recorded', outcome = $2, outcome_reason = $3,
            recorded_at = clock_timestamp() where action_id = $1`,
    [actionId, end.outcome, end.reason],
  );
  await settleNotices(db, actionId, `${end.outcome}: ${end.reason}`);
}

/** Of everything the action is bound to, whoever asked and whatever its id: equal plans, equal hashes. */
function inputsHashOf(plan: ActionPlan): string {
  const inputs = { ...plan, actionId: null, correlationId: null };
  return createHash('sha256').update(canonicalJson(inputs)).digest('hex');
}

/** An audit row about an action as a whole, or about one of its steps. */
export function auditOf(
  plan: ActionPlan,
  event: AuditEvent['event'],
  details: Record<string, unknown>,
  who: { actor?: string; door?: AuditEvent['door']; step?: number } = {},
): AuditEvent {
  return {
    namespace: plan.namespace,
    resource: plan.resource,
    policy: plan.policy,
    actionId: plan.actionId,
    step: who.step ?? -1,
    event,
    actor: who.actor ?? plan.requestedBy,
    door: who.door ?? (plan.policy === null ? 'api' : 'policy'),
    correlationId: plan.correlationId,
    policyRevision: plan.policyRevision,
    // Nobody is to take what a dry run says for something that was done.
    details: plan.dryRun ? { ...details, dryRun: true } : details,
    inputsHash: inputsHashOf(plan),
  };
}
