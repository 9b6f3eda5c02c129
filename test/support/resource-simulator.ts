import type { ActionPlan, Outcome } from '../../domain/action/action';
import type { Intent } from '../../domain/action/plan';
import type { Fact } from '../../domain/action/reduce';
import type { RequestAnswer, ResourceState } from '../../domain/action/resource-state';
import type { SeenVerdict } from '../../domain/action/reduce-verdicts';
import { createSimulation, type Effects, type Later } from '../../domain/action/simulate';
import { serviceSpec } from './manifest-objects';

export const POLICY = 'default/p';

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
  private readonly world: World;
  private readonly simulation = createSimulation('default/web', {
    carryOut: (intent) => this.carryOut(intent),
  });

  constructor(world: World) {
    this.world = world;
  }

  get now(): number {
    return this.simulation.now();
  }

  get state(): ResourceState {
    return this.simulation.state();
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
    this.simulation.feed(fact);
  }

  /** Lets the clock run to `until`, waking up for answers, children and the one timer. */
  runUntil(until: number): void {
    this.simulation.runUntil(until);
  }

  phase(): string {
    return this.state.policies[POLICY]?.phase.kind ?? 'none';
  }

  private carryOut(intent: Intent): Effects {
    switch (intent.kind) {
      case 'request': {
        this.requests += 1;
        const { answer, later } = this.answerNow();
        const answered: Fact = { kind: 'answered', policy: intent.policy, answer };
        return {
          fact: { kind: 'asked', policy: intent.policy },
          later: [...later, after(50, answered)],
        };
      }
      case 'startChild':
        return {
          fact: { kind: 'childWanted', actionId: intent.plan.actionId },
          later: this.startChild(intent.plan),
        };
      case 'errand': {
        const { actionId, kind } = intent.errand;
        if (kind === 'withdraw') this.withdrawn.push(actionId);
        else this.told.push(actionId);
        return {
          fact: { kind: 'errandBegun', actionId },
          later: [after(30, { kind: 'errandDone', actionId })],
        };
      }
      case 'acknowledge':
        return { fact: { kind: 'acknowledged', version: intent.version }, later: [] };
      case 'requestManual':
        return { fact: { kind: 'manualAsked', actionId: intent.request.actionId }, later: [] };
    }
  }

  private answerNow(): { answer: RequestAnswer; later: Later[] } {
    const n = this.requests;
    const { kind, untilMs } = this.world.answer(n, this.now);
    const hold = { gate: 'cooldown', detail: 'held', until: this.now + untilMs } as const;
    const asked = planOf(`action-${n}`, this.revision);
    switch (kind) {
      case 'start':
        return { answer: { kind, plan: asked, token: n }, later: [] };
      case 'held':
        return { answer: { kind, hold }, later: [] };
      case 'queued':
        return {
          answer: { kind, hold: { ...hold, until: null }, plan: asked },
          later: [after(untilMs, { kind: 'slotGranted', plan: asked, token: n })],
        };
      case 'not_firing':
        return { answer: { kind, verdict: 'true', firesInMs: untilMs }, later: [] };
    }
  }

  private startChild({ actionId }: ActionPlan): Later[] {
    this.started.push(actionId);
    this.acting.add(actionId);
    this.mostActing = Math.max(this.mostActing, this.acting.size);
    const outcome = this.world.outcome(this.started.length);
    const isGood = outcome === 'succeeded';
    const finished = (at: number): Fact => ({
      kind: 'actionFinished',
      actionId,
      policy: POLICY,
      outcome,
      cooldownUntil: isGood ? at + 10_000 : null,
      backoffUntil: isGood ? null : at + 2000,
    });
    return [
      after(10, { kind: 'childStarted', actionId }),
      {
        afterMs: 3000,
        fact: (at) => {
          this.acting.delete(actionId);
          return finished(at);
        },
      },
    ];
  }
}

function after(afterMs: number, fact: Fact): Later {
  return { afterMs, fact: () => fact };
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
