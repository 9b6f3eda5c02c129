import { randomUUID } from 'node:crypto';
import type { ActionPlan, Hold } from '../domain/action/action';
import { DEMOTED_APPROVAL } from '../domain/action/demotion';
import { afterOutcome, episodeAt, type Episode } from '../domain/action/episode';
import { firstHold, openFacts, type Gate, type GateFacts } from '../domain/action/gates';
import type { LinkMaker } from '../domain/approval-link';
import { PAUSE_FILE } from '../domain/action/pause';
import type { ManualRequest, RequestAnswer } from '../domain/action/resource-state';
import type { Notice } from '../domain/notice';
import { NOTIFY, type Policy, type Severity, type Verdict } from '../domain/policy/policy';
import { observedOnly, type Resource } from '../domain/resource';
import { databaseNow } from '../storage/clock';
import { inTransaction, type Db } from '../storage/database';
import {
  countTargets,
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
import { loadDemotion } from '../storage/demotions';
import { saveHold } from '../storage/holds';
import { insertNotice } from '../storage/notices';
import { findOpenRequest, findRequest, insertRequest } from '../storage/requests';
import { actionWorkflowId, resourceWorkflowId } from '../workflows/contract';
import { linkMaker } from './approval-links';
import type { ActivityDeps } from './deps';
import { hostAway } from './host-presence';
import { answerMade, answerOpen } from './request-answer';
import { tellPeople } from './notify';
import { pausedByFile } from './pause-file';
import { verdictNow } from './observation';
import { policyFacts } from './request-facts';
import { makeManualRequest } from './request-manual';
import { UNMANAGED } from './request-target';
import { judgeLastFix } from './trust';

export interface RequestInput {
  resource: string;
  policy: string;
  /** Version of the verdicts that the workflow has handled. */
  handledVersion: number;
  correlationId: string | null;
}

export type RequestReply = RequestAnswer & { hasSearchAttributes: boolean };

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

/** What the control plane knows of one ask. */
interface Ask {
  resource: Resource;
  stored: StoredPolicy;
  verdict: Verdict & { severity: Severity };
  /** When the present run of true began, epoch ms. */
  since: number;
  cleared: StoredVerdict | null;
  /** Why the worker of its host is not there; null when it is. */
  hostAway: string | null;
  filePause: GateFacts['pause'];
  key: EpisodeKey;
  now: number;
  makeLink: LinkMaker | null;
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
      const made = await inTransaction(pool, async (db) => {
        const firedAt = ask.since + stored.policy.condition.forMs;
        const limits = deps.constants.trust;
        await judgeLastFix(db, stored, { resource: ask.resource.key, firedAt, limits });
        return makeRequest(db, ask, input.correlationId);
      });
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
      const hostAway = await awayOf(deps, resource);
      const made = await inTransaction(pool, (db) =>
        makeManualRequest(db, { resource, hostAway }, request),
      );
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
    hostAway: await awayOf(deps, resource),
    filePause: filePause(deps, resource),
    makeLink: linkMaker(deps),
    key: {
      resource: resource.key,
      policy: stored.policy.key,
      generation: Math.max(resource.createdRevision, stored.createdRevision),
    },
  };
}

/** Why the worker of its host is not there; null: it is, or it is this host. */
async function awayOf({ temporal }: ActivityDeps, { host }: Resource): Promise<string | null> {
  return host === null ? null : hostAway(temporal, host);
}

/** The pause of this home by a file in it, which holds its own runtimes alone. */
function filePause({ home }: ActivityDeps, { host }: Resource): GateFacts['pause'] {
  const reason = host === null ? pausedByFile(home) : null;
  return reason === null ? null : { scope: `file ${PAUSE_FILE}`, reason, until: null };
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
  const { policy } = ask.stored;
  // A try that timed out may still be under way: it made the request that is open by now.
  await lockDecision(db, ask.key);
  const open = await findOpenRequest(db, ask.key.resource, policy.key);
  if (open !== null) return open.action_id;
  const present = await lockEpisode(db, ask.key);
  const seen = { since: ask.since, clearedAt: ask.cleared?.cleared_at ?? null };
  const episode = episodeAt(present, seen, policy.cooldownMs);
  if (present?.episode !== episode.episode) await saveEpisode(db, ask.key, episode);
  const plan = await underTrust(db, ask.stored, planOf(ask, correlationId));
  const isNotice = plan.steps.every(({ action }) => action === NOTIFY);
  const maxConcurrent = await maxConcurrentOf(db, policy);
  const { resource, hostAway, now } = ask;
  const edges = ask.cleared?.edges ?? [];
  const want = { resource, policy, episode, maxConcurrent, isNotice, edges, hostAway, now };
  const facts = await policyFacts(db, want);
  const hold = holdOf(
    { ...facts, pause: facts.pause ?? ask.filePause },
    {
      plan,
      percent: policy.limits.maxConcurrentPercent,
    },
  );
  if (hold !== null) return held(db, ask, { episode, hold });
  if (isNotice) return told(db, ask, { plan, episode });
  await saveEpisode(db, ask.key, episode);
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
  return plan.actionId;
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
  // A slot would only be held for a worker that does not come.
  return others ?? firstHold({ ...openFacts(facts.now, facts.target), ...away(facts) }, 'others');
}

function away({ hostAway: reason, isNotice }: GateFacts): Partial<GateFacts> {
  return { hostAway: reason, isNotice };
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
    // A policy that only tells people may look at a resource without a manifest.
    spec: resource.spec ?? UNMANAGED,
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

/** A demoted policy asks for a yes before everything that it would do. */
async function underTrust(db: Db, stored: StoredPolicy, plan: ActionPlan): Promise<ActionPlan> {
  if (plan.approval !== null || plan.dryRun) return plan;
  const demotion = await loadDemotion(db, { key: stored.policy.key, revision: stored.revision });
  if (demotion === null) return plan;
  const reason = `${plan.reason}; demoted: ${demotion.reason}`;
  return { ...plan, reason, approval: DEMOTED_APPROVAL };
}

function reasonOf(policy: Policy, verdict: Verdict): string {
  const evidence = verdict.evidence.find((e) => e.verdict === 'true');
  const seen = evidence === undefined ? '' : ` (${evidence.series} = ${String(evidence.value)})`;
  return `${policy.condition.text}${seen}`;
}
