import type { ActionPlan, Hold } from '../domain/action/action';
import { afterOutcome, episodeAt, type Episode } from '../domain/action/episode';
import { firstHold, type Gate, type GateFacts } from '../domain/action/gates';
import type { RequestAnswer } from '../domain/action/resource-state';
import type { Notice } from '../domain/notice';
import { NOTIFY, type Policy } from '../domain/policy/policy';
import type { Db } from '../storage/database';
import {
  countTargets,
  loadPolicy,
  lockDecision,
  lockEpisode,
  saveEpisode,
} from '../storage/decision-facts';
import { saveHold } from '../storage/holds';
import { insertNotice } from '../storage/notices';
import { findOpenRequest, insertRequest } from '../storage/requests';
import { holdRevisions } from '../storage/revision-lock';
import { actionWorkflowId, resourceWorkflowId } from '../workflows/contract';
import { tellPeople } from './notify';
import type { Ask } from './request-ask';
import { hostHold, policyFacts } from './request-facts';
import { planOf, underTrust } from './request-plan';

/** These lift without a word to a policy that is held by them. */
const WITHOUT_WORD: ReadonlySet<Gate> = new Set([
  'max_concurrent',
  'blast_radius',
  'storm',
  'dependency_down',
  'host_away',
  'control_plane_degraded',
]);
const LOOK_AGAIN_MS = 30_000;

const ASK_AGAIN = { kind: 'not_firing', verdict: 'true', firesInMs: 0 } as const;

/** Writes the hold, or the request; returns the hold's answer or the action's id. */
export async function makeRequest(
  db: Db,
  ask: Ask,
  correlationId: string | null,
): Promise<RequestAnswer | string> {
  const { policy } = ask.stored;
  // A window or group that a revision changes now is seen, or its change finds the hold that is written.
  await holdRevisions(db);
  // A try that timed out may still be under way: it made the request that is open by now.
  await lockDecision(db, ask.key);
  const open = await findOpenRequest(db, ask.key.resource, policy.key);
  if (open !== null) return open.action_id;
  // Edited since it was looked at: what it says now is asked at once.
  if ((await revisionInForce(db, policy.key)) !== ask.stored.revision) return ASK_AGAIN;
  const present = await lockEpisode(db, ask.key);
  const seen = { since: ask.since, clearedAt: ask.clearedAt };
  const episode = episodeAt(present, seen, policy.cooldownMs);
  if (present?.episode !== episode.episode) await saveEpisode(db, ask.key, episode);
  const plan = await underTrust(db, ask.stored, planOf(ask, correlationId));
  const isNotice = plan.steps.every(({ action }) => action === NOTIFY);
  const maxConcurrent = await maxConcurrentOf(db, policy);
  const { resource, hostAway, edges, now } = ask;
  const isPreview = plan.approval !== null;
  const want = {
    resource,
    policy,
    episode,
    maxConcurrent,
    isNotice,
    edges,
    hostAway,
    isPreview,
    now,
  };
  const facts = await policyFacts(db, want);
  const { maxConcurrentPercent: percent } = policy.limits;
  const hold = holdOf({ ...facts, pause: facts.pause ?? ask.filePause }, { plan, percent });
  if (hold !== null) return held(db, ask, { episode, hold });
  if (isNotice) return told(db, ask, { plan, episode });
  await saveEpisode(db, ask.key, episode);
  await insert(db, ask, { plan, episode, maxConcurrent });
  return plan.actionId;
}

/** The revision of a policy in force; null: it is gone. */
async function revisionInForce(db: Db, policy: string): Promise<number | null> {
  return (await loadPolicy(db, policy))?.revision ?? null;
}

async function insert(
  db: Db,
  ask: Ask,
  { plan, episode, maxConcurrent }: { plan: ActionPlan; episode: Episode; maxConcurrent: number },
): Promise<void> {
  const isAsked = plan.approval !== null;
  await insertRequest(db, {
    plan,
    generation: ask.key.generation,
    episode: episode.episode,
    since: ask.since,
    maxConcurrent,
    forced: false,
    state: isAsked ? 'awaiting_approval' : 'open',
    makeLink: ask.makeLink,
    waiter: isAsked ? actionWorkflowId(plan.actionId) : resourceWorkflowId(plan.resource),
  });
}

/**
 * What holds the policy itself. What looks at others queues the request, unless a person is to be
 * asked first: nobody is asked for what could not be done.
 */
function holdOf(
  facts: GateFacts,
  { plan, percent }: { plan: ActionPlan; percent: number | undefined },
): Hold | null {
  const own = firstHold(facts, 'resource');
  if (own !== null) return own;
  // A share that comes to nothing would queue for ever.
  if (percent !== undefined && facts.maxConcurrent === 0 && !facts.isNotice) {
    const detail = `${percent} % of its targets are none: raise limits.maxConcurrent`;
    return { gate: 'max_concurrent', detail, until: null };
  }
  const others = plan.approval === null ? null : firstHold(facts, 'others');
  return others ?? hostHold(facts);
}

async function held(
  db: Db,
  ask: Ask,
  { episode, hold }: { episode: Episode; hold: Hold },
): Promise<RequestAnswer> {
  const { key, stored, now } = ask;
  const { policy, revision } = stored;
  const named = { ...key, namespace: policy.namespace, policyRevision: revision };
  const isNews = await saveHold(db, { ...named, episode: episode.episode }, hold);
  if (isNews && hold.gate === 'attempts_exhausted') {
    await insertNotice(db, exhausted(policy, key.resource, hold));
  }
  // What looks at others lifts without a word to this policy: it looks again by itself.
  const isByFile = hold.gate === 'paused' && ask.filePause !== null;
  const isOthers = hold.until === null && (isByFile || WITHOUT_WORD.has(hold.gate));
  return { kind: 'held', hold: isOthers ? { ...hold, until: now + LOOK_AGAIN_MS } : hold };
}

/** A policy that only tells people needs no slot and no workflow: it is told, and cools down. */
async function told(
  db: Db,
  { key, stored, now }: Ask,
  { plan, episode }: { plan: ActionPlan; episode: Episode },
): Promise<RequestAnswer> {
  for (const step of plan.steps.keys()) await tellPeople(db, plan, step);
  const after = afterOutcome(episode, 'succeeded', { now, cooldownMs: stored.policy.cooldownMs });
  await saveEpisode(db, key, after);
  const until = after.cooldownUntil;
  return { kind: 'held', hold: { gate: 'cooldown', detail: 'people were told', until } };
}

function exhausted(policy: Policy, resource: string, { detail }: Hold): Notice {
  return {
    kind: 'attempts_exhausted',
    key: `exhausted:${policy.key}:${resource}`,
    ...{ namespace: policy.namespace, resource, policy: policy.key, actionId: null },
    severity: 'critical',
    title: `${policy.key} has given up on ${resource}`,
    text: `${detail}.\nIt needs a person: ./vigil why ${resource}`,
    isResolved: false,
  };
}

/** A percentage is of the targets as they are now, and rounds down. */
async function maxConcurrentOf(db: Db, policy: Policy): Promise<number> {
  const { maxConcurrent, maxConcurrentPercent } = policy.limits;
  if (maxConcurrentPercent === undefined) return maxConcurrent;
  return Math.floor((maxConcurrentPercent * (await countTargets(db, policy))) / 100);
}
