import type { PoolClient } from 'pg';
import type { ActionPlan, Outcome } from '../domain/action/action';
import { afterOutcome, FIRST_EPISODE, type Episode } from '../domain/action/episode';
import type { RungRecord } from '../domain/action/ladder';
import type { Notice } from '../domain/notice';
import { insertResult } from '../storage/action-results';
import { admit } from '../storage/admission';
import { insertAudit } from '../storage/audit';
import { noteOutcome } from '../storage/breakers';
import { undoOverrides } from '../storage/overrides';
import { databaseNow } from '../storage/clock';
import { inTransaction, query, type Db } from '../storage/database';
import { loadPolicyRevision, lockEpisode, saveEpisode } from '../storage/decision-facts';
import { insertNotice } from '../storage/notices';
import { enqueue, OUTBOX_PRIORITY } from '../storage/outbox';
import { auditOf, closeRequest, findRequest, type StoredRequest } from '../storage/requests';
import { resourceWorkflowId, SIGNALS, type ActionFinished } from '../workflows/contract';
import type { ActivityDeps } from './deps';
import { inconclusiveNotice } from './notices/words';

interface RecordInput {
  plan: ActionPlan;
  outcome: Outcome;
  reason: string;
  /** A person called it off. */
  isCalledOff?: boolean;
  /** What became of each step that was tried; absent: of workflows of earlier versions, and of lost ones. */
  rungs?: RungRecord[];
  /** 0-based step that fixed it. */
  fixedBy?: number | null;
  /** What did not help could not be undone either. */
  isUndoBroken?: boolean;
}

export interface Ending extends Omit<RecordInput, 'plan'> {
  /** Who ended it: `recorded` by the action, `reaped` when its workflow was gone. */
  event: 'recorded' | 'reaped';
}

export function createRecordActivities(deps: ActivityDeps) {
  return {
    /** Outcome, audit, cooldown or backoff, release and the word to the parent, in one transaction. */
    async record({ plan, ...ending }: RecordInput): Promise<void> {
      await recordEnding(deps, plan.actionId, () => ({ ...ending, event: 'recorded' }));
    },

    /** For a parent that finds its action started before: tells it again how a closed one ended. */
    async retell(input: { actionId: string }): Promise<void> {
      await inTransaction(deps.pool, async (db) => {
        const request = await findRequest(db, input.actionId, { lock: true });
        if (request?.state === 'closed') await tellParent(db, request);
      });
    },
  };
}

/**
 * Closes an action that is not closed yet, and tells its parent in any case: a request that was
 * withdrawn or reaped meanwhile may have a parent that believes in it. Granting goes on with whoever
 * waited for its slot.
 *
 * @param endingOf sees the request under its lock; null leaves it open
 */
export async function recordEnding(
  deps: Pick<ActivityDeps, 'pool' | 'constants'>,
  actionId: string,
  endingOf: (request: StoredRequest) => Ending | null,
): Promise<boolean> {
  const isClosed = await inTransaction(deps.pool, async (db) => {
    const request = await findRequest(db, actionId, { lock: true });
    const ending = request === null ? null : endingOf(request);
    if (request === null || ending === null) return false;
    const isOpen = request.state !== 'closed';
    if (isOpen) await close(db, request, ending, deps.constants.backoff);
    await tellParent(db, isOpen ? { ...request, outcome: ending.outcome } : request);
    return isOpen;
  });
  if (isClosed) await admit(deps.pool);
  return isClosed;
}

/** After these, what a step set instead of the manifest's value stands, or may. */
const STANDING: ReadonlySet<Outcome> = new Set(['succeeded', 'inconclusive']);

async function close(
  db: PoolClient,
  request: StoredRequest,
  ending: Ending,
  backoff: readonly number[],
): Promise<void> {
  const { plan } = request;
  const { outcome, reason, event } = ending;
  const after = await advanceEpisode(db, request, ending, backoff);
  await closeRequest(db, plan.actionId, { outcome, reason });
  if (!STANDING.has(outcome)) await undoOverrides(db, plan.actionId);
  const { rungs = [], fixedBy = outcome === 'succeeded' ? 0 : null } = ending;
  await insertResult(db, plan, { outcome, fixedBy, rungs });
  if (ending.isUndoBroken === true) await insertNotice(db, undoBroken(plan, reason));
  if (plan.policy !== null) {
    await noteOutcome(db, { policy: plan.policy, outcome, now: await databaseNow(db) });
  }
  if (outcome === 'inconclusive') await insertNotice(db, inconclusiveNotice(plan, reason));
  const who = event === 'reaped' ? { actor: 'vigil', door: 'reaper' as const } : {};
  await insertAudit(db, [
    auditOf(plan, event, { outcome, reason, ...inWords(after), ...(await tookMs(db, plan)) }, who),
  ]);
}

/** Nobody knows what stands now: neither what the policy wanted, nor what was there before. */
function undoBroken(plan: ActionPlan, reason: string): Notice {
  const { actionId, namespace, policy, resource } = plan;
  return {
    kind: 'inconclusive',
    key: `undo:${policy ?? actionId}:${resource}`,
    ...{ namespace, resource, policy, actionId },
    severity: 'critical',
    title: `${resource}: a step that did not help could not be undone`,
    text: `${reason}.\nIt needs a person: ./vigil why ${resource}`,
    isResolved: false,
  };
}

/** Tells the resource how an action ended; hearing it twice does no harm. */
export async function tellParent(
  db: Db,
  { plan, outcome, generation }: Pick<StoredRequest, 'plan' | 'outcome' | 'generation'>,
): Promise<void> {
  const key = { resource: plan.resource, generation };
  const episode =
    plan.policy === null ? null : await lockEpisode(db, { ...key, policy: plan.policy });
  const finished: ActionFinished = {
    actionId: plan.actionId,
    policy: plan.policy,
    outcome: outcome ?? 'cancelled',
    ...waitsAhead(episode, await databaseNow(db)),
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

type Waits = Pick<ActionFinished, 'cooldownUntil' | 'backoffUntil'>;

async function advanceEpisode(
  db: Db,
  { plan, generation }: StoredRequest,
  { outcome, isCalledOff = false }: Ending,
  backoff: readonly number[],
): Promise<Waits> {
  if (plan.policy === null) return waitsAhead(null, 0);
  const policy = await loadPolicyRevision(db, plan.policy, plan.policyRevision);
  const key = { resource: plan.resource, policy: plan.policy, generation };
  const present = (await lockEpisode(db, key)) ?? FIRST_EPISODE;
  const now = await databaseNow(db);
  const next = afterOutcome(present, outcome, {
    now,
    cooldownMs: policy?.cooldownMs ?? 0,
    backoff: policy?.backoffMs ?? backoff,
    isCalledOff,
  });
  await saveEpisode(db, key, next);
  return waitsAhead(next, now);
}

/** Only what is still ahead: an end without effect says nothing of earlier waits. */
function waitsAhead(episode: Episode | null, now: number): Waits {
  const ahead = (time: number | null | undefined): number | null =>
    time !== null && time !== undefined && time > now ? time : null;
  const cooldownUntil = ahead(episode?.cooldownUntil);
  return {
    cooldownUntil,
    backoffUntil: cooldownUntil === null ? ahead(episode?.backoffUntil) : null,
  };
}

function inWords({ cooldownUntil, backoffUntil }: Waits): Record<string, string> {
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
