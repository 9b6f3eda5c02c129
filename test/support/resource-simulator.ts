import type { ActionPlan, Outcome } from '../../domain/action/action';
import { plan, type Intent } from '../../domain/action/plan';
import { reduce, type Fact } from '../../domain/action/reduce';
import {
  emptyState,
  type RequestAnswer,
  type ResourceState,
} from '../../domain/action/resource-state';
import type { SeenVerdict } from '../../domain/action/reduce-verdicts';
import { serviceSpec } from './manifest-objects';

export const POLICY = 'default/p';

interface Pending {
  at: number;
  fact: Fact;
}

export interface World {
  /** Answer to the n-th request, and how long it takes. */
  answer: (
    n: number,
    now: number,
  ) => { kind: 'start' | 'held' | 'queued' | 'not_firing'; untilMs: number };
  outcome: (n: number) => Outcome;
}

/** Runs reduce and plan on a virtual clock against a world that answers, starts and finishes. */
export class ResourceSimulator {
  now = 0;
  state: ResourceState = emptyState('default/web');
  /** Action ids in the order in which children were started. */
  readonly started: string[] = [];
  readonly acting = new Set<string>();
  /** The most children of the policy that ran at once. */
  mostActing = 0;
  requests = 0;
  /** Action ids of requests that were withdrawn, and of actions that were told to end. */
  readonly withdrawn: string[] = [];
  readonly told: string[] = [];
  private version = 0;
  private revision = 1;
  private readonly queue: Pending[] = [];
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  verdict(verdict: SeenVerdict['verdict'], changes: Partial<SeenVerdict> = {}): Fact {
    this.version += 1;
    const seen: SeenVerdict = {
      policy: POLICY,
      policyRevision: 1,
      verdict,
      since: this.now,
      forMs: 5000,
      severity: 'warning',
      conditionHash: 'h',
      ...changes,
    };
    this.revision = seen.policyRevision;
    return { kind: 'verdictsChanged', version: this.version, verdicts: [seen] };
  }

  /** Feeds a fact now and lets everything follow that follows at once. */
  feed(fact: Fact): void {
    this.state = reduce(this.state, fact, this.now);
    this.settle();
  }

  /** Lets the clock run to `until`, waking up for answers, children and the one timer. */
  runUntil(until: number): void {
    for (let steps = 0; ; steps++) {
      if (steps > 10_000) throw new Error('the plan never comes to rest');
      const deadline = plan(this.state, this.now).deadline;
      const next = Math.min(
        this.queue[0]?.at ?? Infinity,
        deadline === null ? Infinity : Math.max(deadline.at, this.now + 1),
      );
      if (next > until) break;
      this.now = next;
      while ((this.queue[0]?.at ?? Infinity) <= this.now) {
        const pending = this.queue.shift();
        if (pending !== undefined) this.deliver(pending.fact);
      }
      this.settle();
    }
    this.now = until;
  }

  phase(): string {
    return this.state.policies[POLICY]?.phase.kind ?? 'none';
  }

  private deliver(fact: Fact): void {
    if (fact.kind === 'actionFinished') this.acting.delete(fact.actionId);
    this.state = reduce(this.state, fact, this.now);
  }

  private settle(): void {
    for (let rounds = 0; rounds < 100; rounds++) {
      const next = plan(this.state, this.now);
      this.state = next.state;
      if (next.intents.length === 0) return;
      for (const intent of next.intents)
        this.state = reduce(this.state, this.carryOut(intent), this.now);
    }
    throw new Error('the plan repeats its intents');
  }

  private carryOut(intent: Intent): Fact {
    switch (intent.kind) {
      case 'request':
        this.requests += 1;
        this.later(50, { kind: 'answered', policy: intent.policy, answer: this.answerNow() });
        return { kind: 'asked', policy: intent.policy };
      case 'startChild':
        this.startChild(intent.plan);
        return { kind: 'childWanted', actionId: intent.plan.actionId };
      case 'errand':
        this.later(30, { kind: 'errandDone', actionId: intent.errand.actionId });
        if (intent.errand.kind === 'withdraw') this.withdrawn.push(intent.errand.actionId);
        else this.told.push(intent.errand.actionId);
        return { kind: 'errandBegun', actionId: intent.errand.actionId };
      case 'acknowledge':
        return { kind: 'acknowledged', version: intent.version };
      case 'requestManual':
        return { kind: 'manualAsked', actionId: intent.request.actionId };
    }
  }

  private answerNow(): RequestAnswer {
    const n = this.requests;
    const { kind, untilMs } = this.world.answer(n, this.now);
    const hold = { gate: 'cooldown', detail: 'held', until: this.now + untilMs } as const;
    const asked = planOf(`action-${n}`, this.revision);
    switch (kind) {
      case 'start':
        return { kind, plan: asked, token: n };
      case 'held':
        return { kind, hold };
      case 'queued':
        this.later(untilMs, { kind: 'slotGranted', plan: asked, token: n });
        return { kind, hold: { ...hold, until: null }, plan: asked };
      case 'not_firing':
        return { kind, verdict: 'true', firesInMs: untilMs };
    }
  }

  private startChild({ actionId }: ActionPlan): void {
    this.started.push(actionId);
    this.acting.add(actionId);
    this.mostActing = Math.max(this.mostActing, this.acting.size);
    this.later(10, { kind: 'childStarted', actionId });
    const outcome = this.world.outcome(this.started.length);
    const isGood = outcome === 'succeeded';
    const finished = { actionId, policy: POLICY, outcome };
    const at = this.now + 3000;
    this.later(3000, {
      kind: 'actionFinished',
      ...finished,
      cooldownUntil: isGood ? at + 10_000 : null,
      backoffUntil: isGood ? null : at + 2000,
    });
  }

  private later(ms: number, fact: Fact): void {
    this.queue.push({ at: this.now + ms, fact });
    this.queue.sort((a, b) => a.at - b.at);
  }
}

export function planOf(actionId: string, policyRevision = 1): ActionPlan {
  return {
    actionId,
    resource: 'default/web',
    namespace: 'default',
    policy: POLICY,
    policyRevision,
    severity: 'warning',
    spec: serviceSpec(),
    steps: [{ action: 'restart', params: {} }],
    verify: { settleMs: 0, stableMs: 0, withinMs: 1000 },
    approval: null,
    dryRun: false,
    requestedBy: `policy:${POLICY}`,
    reason: 'down',
    correlationId: null,
  };
}
