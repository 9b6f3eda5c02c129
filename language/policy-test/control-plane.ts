import type { ActionPlan, Hold, Outcome } from '../../domain/action/action';
import { notActionable } from '../../domain/action/actionable';
import { afterOutcome, episodeAt, FIRST_EPISODE, type Episode } from '../../domain/action/episode';
import { firstHold, openFacts, type GateFacts } from '../../domain/action/gates';
import type { Intent } from '../../domain/action/plan';
import type { Fact } from '../../domain/action/reduce';
import type { RequestAnswer } from '../../domain/action/resource-state';
import type { Effects, Later, World } from '../../domain/action/simulate';
import { closedAt } from '../../domain/calendar';
import type { Policy, PolicyKey, Severity } from '../../domain/policy/policy';
import type { Resource } from '../../domain/resource';
import type { VigilTest } from './vigil-file';

/** What the stored samples say of a policy; `clearedAt`: when it was last seen to end. */
export interface Sight {
  isTrue: boolean;
  since: number;
  clearedAt: number | null;
  severity: Severity;
}

export interface ControlPlaneOptions {
  resource: Resource;
  policies: readonly Policy[];
  test: VigilTest;
  look: (policy: Policy, now: number) => Sight;
}

/** One action that was requested. */
export interface RequestedAction {
  policy: PolicyKey;
  at: number;
  plan: ActionPlan;
}

interface Running {
  policy: Policy;
  /** While a person is asked it holds no slot. */
  isAwaiting: boolean;
}

/** What activities and storage do for one resource, in memory: gates, episodes, and actions that end as told. */
export class ControlPlane implements World {
  readonly requested: RequestedAction[] = [];
  private readonly options: ControlPlaneOptions;
  private readonly episodes = new Map<PolicyKey, Episode>();
  private readonly running = new Map<string, Running>();
  private started = 0;

  constructor(options: ControlPlaneOptions) {
    this.options = options;
  }

  carryOut(intent: Intent): Effects {
    switch (intent.kind) {
      case 'request': {
        const { policy } = intent;
        const answered = (now: number): Fact => ({
          kind: 'answered',
          policy,
          answer: this.answer(policy, now),
        });
        return { fact: { kind: 'asked', policy }, later: [{ afterMs: 0, fact: answered }] };
      }
      case 'startChild':
        return this.start(intent.plan);
      case 'errand':
        return this.errand(intent.errand.actionId);
      case 'acknowledge':
        return { fact: { kind: 'acknowledged', version: intent.version }, later: [] };
      case 'requestManual': {
        const { actionId } = intent.request;
        const gone: Fact = { kind: 'manualAnswered', actionId, answer: { kind: 'gone' } };
        return { fact: { kind: 'manualAsked', actionId }, later: [at(0, gone)] };
      }
    }
  }

  private answer(key: PolicyKey, now: number): RequestAnswer {
    const policy = this.policyOf(key);
    if (policy === undefined) return { kind: 'gone' };
    const seen = this.options.look(policy, now);
    if (!seen.isTrue) return { kind: 'not_firing', verdict: 'false', firesInMs: null };
    const firesInMs = seen.since + policy.condition.forMs - now;
    if (firesInMs > 0) return { kind: 'not_firing', verdict: 'true', firesInMs };
    const episode = episodeAt(this.episodes.get(key) ?? null, seen, policy.cooldownMs);
    this.episodes.set(key, episode);
    const hold = this.holdOf(policy, episode, now);
    if (hold !== null) return { kind: 'held', hold };
    const actionId = `action-${this.requested.length + 1}`;
    const plan = planFor({ policy, actionId, severity: seen.severity }, this.options);
    this.requested.push({ policy: key, at: now, plan });
    return { kind: 'start', plan, token: plan.approval === null ? this.requested.length : null };
  }

  private policyOf(key: PolicyKey): Policy | undefined {
    return this.options.policies.find((policy) => policy.key === key);
  }

  private holdOf(policy: Policy, episode: Episode, now: number): Hold | null {
    const { resource, test } = this.options;
    const slots = [...this.running].filter(([, { isAwaiting }]) => !isAwaiting);
    const facts: GateFacts = {
      ...openFacts(now, resource.key),
      pause: test.isPaused ? { scope: '*', reason: 'given by the test', until: null } : null,
      notActionable: notActionable(resource),
      outsideSchedule: closedAt(policy.schedule, now),
      cooldownUntil: episode.cooldownUntil,
      backoffUntil: episode.backoffUntil,
      attempts: episode.attempts,
      maxAttempts: policy.limits.attempts,
      busyWith: slots[0]?.[0] ?? null,
    };
    return firstHold(facts, 'resource');
  }

  private start(plan: ActionPlan): Effects {
    const { actionId } = plan;
    const policy = this.policyOf(plan.policy ?? '');
    if (policy !== undefined) {
      this.running.set(actionId, { policy, isAwaiting: plan.approval !== null });
    }
    const begun = at(0, { kind: 'childStarted', actionId });
    return { fact: { kind: 'childWanted', actionId }, later: [begun, ...this.courseOf(plan)] };
  }

  /** What happens once an action has begun: it ends, or a person answers first. */
  private courseOf(plan: ActionPlan): Later[] {
    const { actionId, approval } = plan;
    const { actionTakesMs, approval: person } = this.options.test;
    if (approval === null) return [this.ends(actionId, actionTakesMs, this.outcomeOf(plan))];
    const { isApproved, afterMs } = decisionOf(approval, person);
    if (!isApproved) {
      const isInTime = afterMs < approval.deadlineMs;
      return [this.ends(actionId, afterMs, isInTime ? 'rejected' : 'expired')];
    }
    const admit = (): null => {
      const one = this.running.get(actionId);
      if (one !== undefined) one.isAwaiting = false;
      return null;
    };
    const ending = this.ends(actionId, afterMs + actionTakesMs, this.outcomeOf(plan));
    return [{ afterMs, fact: admit }, ending];
  }

  private outcomeOf({ dryRun }: ActionPlan): Outcome {
    if (dryRun) return 'skipped';
    const { outcomes } = this.options.test;
    this.started += 1;
    return outcomes[Math.min(this.started, outcomes.length) - 1] ?? 'succeeded';
  }

  private ends(actionId: string, afterMs: number, outcome: Outcome): Later {
    return { afterMs, fact: (now) => this.record(actionId, outcome, now) };
  }

  /** Null: it has ended before. */
  private record(actionId: string, outcome: Outcome, now: number): Fact | null {
    const ended = this.running.get(actionId);
    if (ended === undefined) return null;
    this.running.delete(actionId);
    const { key: policy, cooldownMs } = ended.policy;
    const present = this.episodes.get(policy) ?? FIRST_EPISODE;
    const episode = afterOutcome(present, outcome, { now, cooldownMs });
    this.episodes.set(policy, episode);
    const ahead = (time: number | null): number | null => ((time ?? now) > now ? time : null);
    const cooldownUntil = ahead(episode.cooldownUntil);
    const backoffUntil = cooldownUntil === null ? ahead(episode.backoffUntil) : null;
    return { kind: 'actionFinished', actionId, policy, outcome, cooldownUntil, backoffUntil };
  }

  /** An action that waits for a person is called off; nothing else can be told anything. */
  private errand(actionId: string): Effects {
    const isAwaiting = this.running.get(actionId)?.isAwaiting === true;
    const done = at(0, { kind: 'errandDone', actionId });
    const later = isAwaiting ? [done, this.ends(actionId, 0, 'cancelled')] : [done];
    return { fact: { kind: 'errandBegun', actionId }, later };
  }
}

function at(afterMs: number, fact: Fact): Later {
  return { afterMs, fact: () => fact };
}

/** Who answers, and when: the person, or the deadline. */
function decisionOf(
  { deadlineMs, onDeadline }: NonNullable<ActionPlan['approval']>,
  person: VigilTest['approval'],
): { isApproved: boolean; afterMs: number } {
  if (person !== null && person.afterMs < deadlineMs) return person;
  return { isApproved: onDeadline === 'approve', afterMs: deadlineMs };
}

/** Only resources with a manifest come this far: gate `not_actionable`. */
function planFor(
  { policy, actionId, severity }: { policy: Policy; actionId: string; severity: Severity },
  { resource }: ControlPlaneOptions,
): ActionPlan {
  const { spec } = resource;
  if (spec === null) throw new Error(`${resource.key} has no manifest`);
  const isDryRun = policy.mode === 'dry-run';
  return {
    actionId,
    resource: resource.key,
    namespace: resource.namespace,
    policy: policy.key,
    policyRevision: 1,
    severity,
    spec,
    steps: policy.steps,
    verify: policy.verify,
    approval: isDryRun ? null : policy.approval,
    dryRun: isDryRun,
    requestedBy: `policy:${policy.key}`,
    reason: policy.condition.text,
    correlationId: null,
  };
}
