import { randomUUID } from 'node:crypto';
import { notActionable } from '../domain/action/actionable';
import type { ActionPlan, Hold } from '../domain/action/action';
import { episodeAt, type Episode } from '../domain/action/episode';
import { firstHold, type GateFacts } from '../domain/action/gates';
import { pauseOf } from '../domain/action/pause';
import type { ManualRequest, RequestAnswer } from '../domain/action/resource-state';
import { closedAt } from '../domain/calendar';
import type { Policy, Severity, Verdict } from '../domain/policy/policy';
import { observedOnly, type Resource } from '../domain/resource';
import { databaseNow } from '../storage/clock';
import { inTransaction, type Db } from '../storage/database';
import {
  countTargets,
  loadPauses,
  loadPolicy,
  loadResource,
  loadVerdict,
  lockDecision,
  lockEpisode,
  saveEpisode,
  type EpisodeKey,
  type StoredPolicy,
  type StoredVerdict,
} from '../storage/decision-facts';
import { recordHandled } from '../storage/deliveries';
import { findOpenRequest, findRequest, insertRequest, saveHold } from '../storage/requests';
import { actionWorkflowId, resourceWorkflowId } from '../workflows/contract';
import type { ActivityDeps } from './deps';
import { answerMade, answerOpen } from './request-answer';
import { holderOf, specOf } from './request-target';
import { makeManualRequest } from './request-manual';
import { verdictNow } from './observation';

export interface RequestInput {
  resource: string;
  policy: string;
  /** Version of the verdicts that the workflow has handled. */
  handledVersion: number;
  correlationId: string | null;
}

export type RequestReply = RequestAnswer & { hasSearchAttributes: boolean };

/** What the control plane knows of one ask. */
interface Ask {
  resource: Resource;
  stored: StoredPolicy;
  verdict: Verdict & { severity: Severity };
  /** When the present run of true began, epoch ms. */
  since: number;
  cleared: StoredVerdict | null;
  key: EpisodeKey;
  now: number;
}

export function createRequestActivities(deps: ActivityDeps) {
  const { pool } = deps;
  const reply = (answer: RequestAnswer): RequestReply => ({
    ...answer,
    hasSearchAttributes: deps.hasSearchAttributes,
  });

  return {
    /** Decides on the stored samples whether the policy may act now; asking again finds the same request. */
    async request(input: RequestInput): Promise<RequestReply> {
      await recordHandled(pool, input.resource, input.handledVersion);
      const resource = await loadResource(pool, input.resource);
      const stored = await loadPolicy(pool, input.policy);
      if (stored === null || stored.policy.enabled === false) return reply({ kind: 'gone' });
      const open = await findOpenRequest(pool, input.resource, input.policy);
      if (open !== null) return reply(await answerOpen(deps, open));
      const ask = await lookAt(deps, resource ?? observedOnly(input.resource), stored);
      const early = notFiringYet(ask);
      if (early !== null) return reply(early);
      const made = await inTransaction(pool, (db) => makeRequest(db, ask, input.correlationId));
      return reply(typeof made === 'string' ? await answerMade(deps, made) : made);
    },

    /** The same for an action that a person asked for: no condition, fewer gates. */
    async requestManual(input: {
      resource: string;
      request: ManualRequest;
    }): Promise<RequestReply> {
      const { resource: key, request } = input;
      const known = await findRequest(pool, request.actionId);
      if (known !== null) return reply(await answerOpen(deps, known));
      const resource = await loadResource(pool, key);
      if (resource === null) return reply({ kind: 'gone' });
      const made = await inTransaction(pool, (db) => makeManualRequest(db, resource, request));
      return reply(made ?? (await answerMade(deps, request.actionId)));
    },
  };
}

async function lookAt(deps: ActivityDeps, resource: Resource, stored: StoredPolicy): Promise<Ask> {
  const now = await databaseNow(deps.pool);
  const { condition } = stored.policy;
  const verdict = await verdictNow(deps.pool, resource, stored.policy, now);
  const seen = await loadVerdict(deps.pool, resource.key, stored.policy.key);
  const isSameRun = seen?.verdict === 'true' && seen.condition_hash === condition.hash;
  return {
    resource,
    stored,
    verdict,
    now,
    since: isSameRun ? Math.min(seen.since, verdict.since) : verdict.since,
    cleared: seen,
    key: {
      resource: resource.key,
      policy: stored.policy.key,
      generation: Math.max(resource.createdRevision, stored.createdRevision),
    },
  };
}

function notFiringYet({ verdict, stored, since, now }: Ask): RequestAnswer | null {
  if (verdict.verdict !== 'true') {
    return { kind: 'not_firing', verdict: verdict.verdict, firesInMs: null };
  }
  const firesInMs = since + stored.policy.condition.forMs - now;
  return firesInMs > 0 ? { kind: 'not_firing', verdict: 'true', firesInMs } : null;
}

/** Writes the hold, or the request; returns the hold's answer or the action's id. */
async function makeRequest(
  db: Db,
  ask: Ask,
  correlationId: string | null,
): Promise<RequestAnswer | string> {
  const { policy, revision } = ask.stored;
  // A try that timed out may still be under way: it made the request that is open by now.
  await lockDecision(db, ask.key);
  const open = await findOpenRequest(db, ask.key.resource, policy.key);
  if (open !== null) return open.action_id;
  const present = await lockEpisode(db, ask.key);
  const seen = { since: ask.since, clearedAt: ask.cleared?.cleared_at ?? null };
  const episode = episodeAt(present, seen, policy.cooldownMs);
  if (present?.episode !== episode.episode) await saveEpisode(db, ask.key, episode);
  const maxConcurrent = await maxConcurrentOf(db, policy);
  const hold =
    firstHold(await gateFacts(db, ask, episode), 'resource') ?? noneAllowed(policy, maxConcurrent);
  if (hold !== null) {
    const key = { ...ask.key, namespace: policy.namespace, policyRevision: revision };
    await saveHold(db, { ...key, episode: episode.episode }, hold);
    return { kind: 'held', hold };
  }
  await saveEpisode(db, ask.key, episode);
  const plan = planOf(ask, correlationId);
  const isAsked = plan.approval !== null;
  await insertRequest(db, {
    plan,
    generation: ask.key.generation,
    episode: episode.episode,
    since: ask.since,
    maxConcurrent,
    forced: false,
    state: isAsked ? 'awaiting_approval' : 'open',
    waiter: isAsked ? actionWorkflowId(plan.actionId) : resourceWorkflowId(plan.resource),
  });
  return plan.actionId;
}

/** A percentage is of the targets as they are now, and rounds down. */
async function maxConcurrentOf(db: Db, policy: Policy): Promise<number> {
  const { maxConcurrent, maxConcurrentPercent } = policy.limits;
  if (maxConcurrentPercent === undefined) return maxConcurrent;
  return Math.floor((maxConcurrentPercent * (await countTargets(db, policy))) / 100);
}

/** A share that comes to nothing would queue for ever: it is held, and says why. */
function noneAllowed({ limits }: Policy, maxConcurrent: number): Hold | null {
  const percent = limits.maxConcurrentPercent;
  if (maxConcurrent > 0 || percent === undefined) return null;
  const detail = `${percent} % of its targets are none: raise limits.maxConcurrent`;
  return { gate: 'max_concurrent', detail, until: null };
}

async function gateFacts(db: Db, ask: Ask, episode: Episode): Promise<GateFacts> {
  const { resource, now } = ask;
  const { limits, schedule } = ask.stored.policy;
  return {
    now,
    isManual: false,
    isForced: false,
    pause: pauseOf(await loadPauses(db, { lock: true }), resource.key, now),
    notActionable: notActionable(resource),
    outsideSchedule: closedAt(schedule, now),
    cooldownUntil: episode.cooldownUntil,
    backoffUntil: episode.backoffUntil,
    attempts: episode.attempts,
    maxAttempts: limits.attempts,
    busyWith: await holderOf(db, resource.key),
    acting: 0,
    maxConcurrent: null,
    degraded: null,
  };
}

function planOf({ stored, resource, verdict }: Ask, correlationId: string | null): ActionPlan {
  const { policy, revision } = stored;
  const isDryRun = policy.mode === 'dry-run';
  return {
    actionId: randomUUID(),
    resource: resource.key,
    namespace: resource.namespace,
    policy: policy.key,
    policyRevision: revision,
    severity: verdict.severity,
    spec: specOf(resource),
    host: resource.host,
    steps: policy.steps,
    verify: policy.verify,
    // A dry run has no effect to approve: nobody is asked.
    approval: isDryRun ? null : policy.approval,
    dryRun: isDryRun,
    requestedBy: `policy:${policy.key}`,
    reason: reasonOf(policy, verdict),
    correlationId,
  };
}

function reasonOf(policy: Policy, verdict: Verdict): string {
  const evidence = verdict.evidence.find((e) => e.verdict === 'true');
  const seen = evidence === undefined ? '' : ` (${evidence.series} = ${String(evidence.value)})`;
  return `${policy.condition.text}${seen}`;
}
