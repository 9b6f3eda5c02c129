import type { ActionPlan, Outcome } from '../domain/action/action';
import { afterOutcome, FIRST_EPISODE } from '../domain/action/episode';
import { admit } from '../storage/admission';
import { insertAudit } from '../storage/audit';
import { databaseNow } from '../storage/clock';
import { inTransaction, query, type Db } from '../storage/database';
import { loadPolicyRevision, lockEpisode, saveEpisode } from '../storage/decision-facts';
import { enqueue, OUTBOX_PRIORITY } from '../storage/outbox';
import { auditOf, closeRequest, findRequest, type StoredRequest } from '../storage/requests';
import { resourceWorkflowId, SIGNALS, type ActionFinished } from '../workflows/contract';
import type { ActivityDeps } from './deps';

export interface Ending {
  outcome: Outcome;
  reason: string;
  /** Who ended it: `recorded` by the action, `reaped` when its workflow was gone. */
  event: 'recorded' | 'reaped';
}

export function createRecordActivities(deps: ActivityDeps) {
  return {
    /** Outcome, audit, cooldown or backoff, release and the word to the parent, in one transaction. */
    async record(input: { plan: ActionPlan; outcome: Outcome; reason: string }): Promise<void> {
      const { plan, outcome, reason } = input;
      await recordEnding(deps, plan.actionId, { outcome, reason, event: 'recorded' });
    },
  };
}

/** Closes an action that is not closed yet; granting goes on with whoever waited for its slot. */
export async function recordEnding(
  deps: Pick<ActivityDeps, 'pool' | 'constants'>,
  actionId: string,
  ending: Ending,
): Promise<boolean> {
  const isClosed = await inTransaction(deps.pool, async (db) => {
    const request = await findRequest(db, actionId, { lock: true });
    if (request === null || request.state === 'closed') return false;
    await close(db, request, ending, deps.constants.backoff);
    return true;
  });
  if (isClosed) await admit(deps.pool);
  return isClosed;
}

async function close(
  db: Db,
  request: StoredRequest,
  ending: Ending,
  backoff: readonly number[],
): Promise<void> {
  const { plan } = request;
  const { outcome, reason, event } = ending;
  const after = await advanceEpisode(db, request, outcome, backoff);
  await closeRequest(db, plan.actionId, { outcome, reason });
  const who = event === 'reaped' ? { actor: 'vigil', door: 'reaper' as const } : {};
  await insertAudit(db, [
    auditOf(plan, event, { outcome, reason, ...inWords(after), ...(await tookMs(db, plan)) }, who),
  ]);
  const finished: ActionFinished = {
    actionId: plan.actionId,
    policy: plan.policy,
    outcome,
    ...after,
  };
  await enqueue(db, {
    workflowId: resourceWorkflowId(plan.resource),
    kind: SIGNALS.actionFinished,
    action: plan.actionId,
    payload: finished,
    starts: true,
    priority: OUTBOX_PRIORITY.fact,
    correlationId: plan.correlationId,
  });
}

type After = Pick<ActionFinished, 'cooldownUntil' | 'backoffUntil'>;

async function advanceEpisode(
  db: Db,
  { plan, generation }: StoredRequest,
  outcome: Outcome,
  backoff: readonly number[],
): Promise<After> {
  if (plan.policy === null) return { cooldownUntil: null, backoffUntil: null };
  const policy = await loadPolicyRevision(db, plan.policy, plan.policyRevision);
  const key = { resource: plan.resource, policy: plan.policy, generation };
  const present = (await lockEpisode(db, key)) ?? FIRST_EPISODE;
  const now = await databaseNow(db);
  const next = afterOutcome(present, outcome, {
    now,
    cooldownMs: policy?.cooldownMs ?? 0,
    backoff,
  });
  await saveEpisode(db, key, next);
  // An end without effect says nothing of earlier waits: only those still ahead are passed on.
  const ahead = (time: number | null): number | null => (time !== null && time > now ? time : null);
  const cooldownUntil = ahead(next.cooldownUntil);
  return { cooldownUntil, backoffUntil: cooldownUntil === null ? next.backoffUntil : null };
}

function inWords({ cooldownUntil, backoffUntil }: After): Record<string, string> {
  return {
    ...(cooldownUntil === null ? {} : { cooldownUntil: new Date(cooldownUntil).toISOString() }),
    ...(backoffUntil === null ? {} : { backoffUntil: new Date(backoffUntil).toISOString() }),
  };
}

async function tookMs(db: Db, plan: ActionPlan): Promise<{ tookMs: number }> {
  const [row] = await query<{ ms: number }>(
    db,
    `select (extract(epoch from clock_timestamp() - requested_at) * 1000)::float8 as ms
       from actions where action_id = $1`,
    [plan.actionId],
  );
  return { tookMs: Math.round(row?.ms ?? 0) };
}
