import type { Pool } from 'pg';
import {
  decideAdmission,
  type Decision,
  type HeldSlot,
  type WaitingRequest,
} from '../domain/action/admission';
import type { ActionPlan } from '../domain/action/action';
import { pauseOf } from '../domain/action/pause';
import { closedAt, type Schedule } from '../domain/calendar';
import { insertAudit } from './audit';
import { databaseNow } from './clock';
import { loadDegradation } from './degradation';
import { inTransaction, query, type Db } from './database';
import { loadPauses } from './decision-facts';
import { enqueue, OUTBOX_PRIORITY } from './outbox';
import { auditOf, setRequestState, showState } from './requests';

const ADMISSION_LOCK = 7_846_110;

/**
 * Grants every slot that can be granted, in order of (severity, since). Call it after the request
 * row, the release or the resume is committed.
 *
 * Nobody waits for the lock: who finds it taken leaves, because the holder looks again after
 * unlocking, and sees whatever was committed before the lock was found taken.
 *
 * @param own its grant is answered to the caller instead of being signalled
 * @returns the hold of `own` while it stays queued, else null
 */
export async function admit(pool: Pool, own?: string): Promise<Decision | null> {
  let mine: Decision | null = null;
  for (;;) {
    const pass = await inTransaction(pool, (db) => admitOnce(db, own));
    if (pass === null) return mine;
    mine = pass.decisions.find((d) => d.actionId === own) ?? mine;
    const now = await fingerprint(pool);
    if (now === pass.fingerprint) return mine;
  }
}

async function admitOnce(
  db: Db,
  own: string | undefined,
): Promise<{ decisions: Decision[]; fingerprint: string } | null> {
  const [lock] = await query<{ taken: boolean }>(
    db,
    'select pg_try_advisory_xact_lock($1) as taken',
    [ADMISSION_LOCK],
  );
  if (lock?.taken !== true) return null;
  const now = await databaseNow(db);
  const waiting = await loadWaiting(db, now);
  const held = await query<{ actionId: string; policy: string | null; target: string }>(
    db,
    'select action_id as "actionId", policy, target from slots',
  );
  const decisions = decideAdmission(
    waiting.map((w) => w.request),
    held satisfies HeldSlot[],
    now,
  );
  for (const decision of decisions) {
    const found = waiting.find((w) => w.request.actionId === decision.actionId);
    if (found === undefined || decision.kind !== 'granted') continue;
    await grant(db, found, { isOwn: decision.actionId === own });
  }
  return { decisions, fingerprint: await fingerprint(db) };
}

interface Waiting {
  request: WaitingRequest;
  plan: ActionPlan;
  waiter: string;
}

async function loadWaiting(db: Db, now: number): Promise<Waiting[]> {
  const rows = await query<{
    action_id: string;
    policy: string | null;
    target: string;
    severity: WaitingRequest['severity'];
    since: number;
    max_concurrent: number | null;
    forced: boolean;
    plan: ActionPlan;
    waiter: string;
    resource: string;
  }>(
    db,
    `select action_id, policy, target, severity, since, max_concurrent, forced, plan, waiter, resource
       from requests where state = 'open' for update skip locked`,
  );
  if (rows.length === 0) return [];
  const pauses = await loadPauses(db);
  const degraded = await loadDegradation(db, rows);
  const closed = await loadClosed(db, rows, now);
  return rows.map((row) => ({
    plan: row.plan,
    waiter: row.waiter,
    request: {
      actionId: row.action_id,
      policy: row.policy,
      target: row.target,
      severity: row.severity,
      since: row.since,
      maxConcurrent: row.max_concurrent,
      isForced: row.forced,
      pause: pauseOf(pauses, row.resource, now),
      outsideSchedule: closed.get(row.policy) ?? null,
      degraded: degraded(row.policy, row.resource),
    },
  }));
}

/** The policies of these requests that are outside their schedule now. */
async function loadClosed(
  db: Db,
  requests: readonly { policy: string | null }[],
  now: number,
): Promise<Map<string | null, WaitingRequest['outsideSchedule']>> {
  const policies = [...new Set(requests.map(({ policy }) => policy))];
  const scheduled = await query<{ policy: string; schedule: Schedule }>(
    db,
    `select policy, document -> 'schedule' as schedule from policies
      where policy = any($1) and document ? 'schedule'`,
    [policies],
  );
  return new Map(scheduled.map(({ policy, schedule }) => [policy, closedAt(schedule, now)]));
}

async function grant(
  db: Db,
  { request, plan, waiter }: Waiting,
  options: { isOwn: boolean },
): Promise<void> {
  const [slot] = await query<{ token: number }>(
    db,
    'insert into slots (action_id, target, policy) values ($1, $2, $3) returning token',
    [request.actionId, request.target, request.policy],
  );
  const token = slot?.token ?? 0;
  await setRequestState(db, request.actionId, 'granted');
  await showState(db, request.actionId, 'admitted');
  await insertAudit(db, [auditOf(plan, 'admitted', { token })]);
  if (!options.isOwn) await tellGrant(db, { plan, token, waiter });
}

/** Tells whoever waits for a slot that it is granted; hearing it twice does no harm. */
export async function tellGrant(
  db: Db,
  { plan, token, waiter }: { plan: ActionPlan; token: number; waiter: string },
): Promise<void> {
  await enqueue(db, {
    workflowId: waiter,
    kind: 'slotGranted',
    action: plan.actionId,
    payload: { plan, token },
    starts: waiter.startsWith('resource/'),
    priority: OUTBOX_PRIORITY.fact,
    correlationId: plan.correlationId,
  });
}

/** What a pass saw; another value afterwards means that it must look again. */
async function fingerprint(db: Db): Promise<string> {
  const [row] = await query<{ seen: string }>(
    db,
    `select coalesce((select string_agg(action_id::text, ',' order by action_id) from requests where state = 'open'), '')
         || ';' || coalesce((select string_agg(action_id::text, ',' order by action_id) from slots), '') as seen`,
  );
  return row?.seen ?? '';
}
