import { createSimulation, type Simulation } from '../../domain/action/simulate';
import type { SeenVerdict } from '../../domain/action/reduce-verdicts';
import type { PhaseState } from '../../domain/action/resource-state';
import { assess, evaluate, type EvaluationInput } from '../../domain/policy/evaluate';
import { explain } from '../../domain/policy/explain';
import type { Policy, PolicyKey, Severity, VerdictValue } from '../../domain/policy/policy';
import { severityOf } from '../../domain/policy/severity';
import type { SeriesWindow } from '../../domain/policy/series';
import { ownershipOf, parseResourceKey, type Resource } from '../../domain/resource';
import { printPromDuration } from './duration';
import { ControlPlane } from './control-plane';
import { describeGot, mismatches } from './expectations';
import type { Failure } from './report';
import { SeriesStore } from './series-store';
import type { InputSeries } from './test-file';
import type { Expectation, VigilTest } from './vigil-file';

/** One resource, the policies that speak of it, and a test of both. */
export interface Subject {
  resource: Resource;
  policies: readonly Policy[];
  test: VigilTest;
}

/** What is known of one policy on the resource. */
interface Watch {
  verdict: VerdictValue;
  since: number;
  /** When it was looked at, epoch ms. */
  evaluatedTo: number;
  /** When the last run of true was seen to end, epoch ms. */
  clearedAt: number | null;
  /** Unknown that came straight from true: the phase is frozen, not over. */
  hasLeftTrue: boolean;
  nextChangeAt: number | null;
  severity: Severity | null;
}

/** What an expectation is compared with. */
export interface Observed {
  verdict: VerdictValue;
  phase: PhaseState['kind'];
  gate: string | null;
  /** What the gate waits for, or null. */
  held: string | null;
  explanation: string;
  action: string | null;
  actions: number;
  severity: string;
}

const UNSEEN: Watch = {
  verdict: 'unknown',
  since: -Infinity,
  evaluatedTo: -Infinity,
  clearedAt: null,
  hasLeftTrue: false,
  nextChangeAt: null,
  severity: null,
};

/** As the detector tells its workflows: only what becomes true, was true, or left true for unknown. */
function changeOf(
  before: Watch,
  { verdict, since, severity }: Pick<Watch, 'verdict' | 'since' | 'severity'>,
): Pick<Watch, 'clearedAt' | 'hasLeftTrue'> & { isHeard: boolean } {
  const wasTrue = before.verdict === 'true';
  const isTrue = verdict === 'true';
  const isNewRun = isTrue && since > before.since;
  const isRegraded = isTrue && severity !== before.severity;
  const mayLeaveTrue = wasTrue || before.hasLeftTrue;
  const isNews = before.verdict !== verdict || isNewRun || isRegraded;
  return {
    isHeard: isNews && (isTrue || mayLeaveTrue),
    hasLeftTrue: verdict === 'unknown' && mayLeaveTrue,
    clearedAt: wasTrue && (!isTrue || isNewRun) ? since : before.clearedAt,
  };
}

/** Runs one test: samples arrive, verdicts change, and the resource's own reduce and plan answer. */
export function runVigilTest(subject: Subject): Failure[] {
  return new Run(subject).run();
}

class Run {
  private readonly subject: Subject;
  private readonly store = new SeriesStore();
  private readonly watches = new Map<PolicyKey, Watch>();
  private readonly controlPlane: ControlPlane;
  private readonly simulation: Simulation;
  private readonly arrivals: readonly number[];
  private version = 0;
  /** When the policies were last looked at, epoch ms. */
  private looked = -Infinity;

  constructor(subject: Subject) {
    const { resource, policies, test } = subject;
    this.subject = subject;
    this.controlPlane = new ControlPlane({
      resource,
      policies,
      test,
      look: (policy, now) => {
        const { verdict, since } = assess(policy.condition, this.input(now));
        const clearedAt = this.watches.get(policy.key)?.clearedAt ?? null;
        const severity = severityOf(policy, this.input(now));
        return { isTrue: verdict === 'true', since, clearedAt, severity };
      },
    });
    this.simulation = createSimulation(resource.key, this.controlPlane, test.startMs);
    this.arrivals = arrivalsOf(test);
  }

  run(): Failure[] {
    const { expectations, startMs } = this.subject.test;
    const ordered = [...expectations].sort((a, b) => a.atMs - b.atMs);
    const failures = ordered.flatMap((expectation) => {
      this.advance(startMs + expectation.atMs);
      return this.check(expectation);
    });
    return failures.sort((a, b) => a.place.line - b.place.line);
  }

  /** Lets everything happen up to that time: samples first, then what is due. */
  private advance(until: number): void {
    for (;;) {
      const next = this.nextTime();
      if (next > until) break;
      this.simulation.runUntil(next - 1);
      this.arrive(next);
      this.simulation.runUntil(next);
      this.look(next);
    }
    this.simulation.runUntil(until);
  }

  /** The next arrival, or the next time at which a verdict may change by itself. */
  private nextTime(): number {
    const arrival = this.arrivals.find((time) => time > this.looked) ?? Infinity;
    const dues = [...this.watches.values()].map(({ nextChangeAt }) => nextChangeAt ?? Infinity);
    return Math.min(arrival, ...dues.filter((due) => due > this.looked));
  }

  private arrive(now: number): void {
    const { series, startMs, intervalMs } = this.subject.test;
    for (const one of series) {
      const value = one.values[Math.round((now - startMs) / intervalMs)];
      const isOnTime = (now - startMs) % intervalMs === 0;
      if (!isOnTime || value === undefined || value === 'missing') continue;
      this.store.append(
        { name: one.name, labels: taggedFor(this.subject.resource, one) },
        { ts: now, value: value === 'stale' ? null : value, writer: null },
      );
    }
  }

  /** Looks at every policy, and tells the resource what it has to hear. */
  private look(now: number): void {
    this.looked = now;
    const { policies } = this.subject;
    const isHeard = policies.map((policy) => this.lookAt(policy, now)).includes(true);
    if (!isHeard) return;
    this.version += 1;
    const verdicts = policies.map((policy) => this.seen(policy));
    this.simulation.feed({ kind: 'verdictsChanged', version: this.version, verdicts });
  }

  /** Whether what is new concerns the workflow. */
  private lookAt(policy: Policy, now: number): boolean {
    const before = this.watches.get(policy.key) ?? UNSEEN;
    // As in the detector: what is known of before need not be looked at again.
    const previous = before.verdict === 'unknown' ? null : before;
    const input = { ...this.input(now), previous };
    const { verdict, since, nextChangeAt } = assess(policy.condition, input);
    const severity = verdict === 'true' ? severityOf(policy, this.input(now)) : policy.severity;
    const change = changeOf(before, { verdict, since, severity });
    const evaluatedTo = now;
    this.watches.set(policy.key, {
      verdict,
      since,
      evaluatedTo,
      nextChangeAt,
      severity,
      ...change,
    });
    return change.isHeard;
  }

  private seen(policy: Policy): SeenVerdict {
    const { verdict, since, severity: grade } = this.watches.get(policy.key) ?? UNSEEN;
    const { forMs, hash } = policy.condition;
    const { key } = policy;
    const severity = grade ?? policy.severity;
    return {
      ...{ policy: key, policyRevision: 1, verdict, since, forMs, severity },
      conditionHash: hash,
    };
  }

  private input(now: number): EvaluationInput {
    const { resource, test } = this.subject;
    return {
      series: this.series(),
      now,
      intervalMs: resource.spec?.healthCheck?.intervalMs ?? null,
      previous: null,
      receivingSince: test.startMs,
    };
  }

  /** Series of other resources of the namespace are there for selectors that name them. */
  private series(): SeriesWindow[] {
    const { key, namespace } = this.subject.resource;
    return this.store.seenBy(null).flatMap((window): SeriesWindow[] => {
      const { owner, member } = ownershipOf(window.tags);
      if (owner === key || member === key) return [window];
      const isNear = owner !== null && parseResourceKey(owner).namespace === namespace;
      return isNear ? [{ ...window, isForeign: true }] : [];
    });
  }

  private check(expectation: Expectation): Failure[] {
    const policy = this.subject.policies.find(({ key }) => key === expectation.policy);
    if (policy === undefined) return [];
    const observed = this.observe(policy);
    const wrong = mismatches(expectation, observed);
    if (wrong.length === 0) return [];
    return [
      {
        place: expectation.place,
        subject: `policy ${policy.key} at ${printPromDuration(expectation.atMs)}`,
        expected: wrong.map(({ expected }) => expected),
        got: wrong.map(({ got }) => got),
        because: describeGot(observed),
      },
    ];
  }

  private observe(policy: Policy): Observed {
    const now = this.simulation.now();
    const verdict = evaluate(policy.condition, this.input(now));
    const phase = this.simulation.state().policies[policy.key]?.phase ?? { kind: 'inactive' };
    const hold = phase.kind === 'firing' && phase.wait.kind !== 'asking' ? phase.wait.hold : null;
    const requested = this.controlPlane.requested.filter((one) => one.policy === policy.key);
    const steps = requested.at(-1)?.plan.steps.map(({ action }) => action);
    return {
      verdict: verdict.verdict,
      phase: phase.kind,
      gate: hold?.gate ?? null,
      held: hold?.detail ?? null,
      explanation: explain(policy.condition, verdict, now),
      action: steps?.join(', ') ?? null,
      actions: requested.length,
      severity: severityOf(policy, this.input(now)),
    };
  }
}

/** Every time at which a sample arrives, ascending; epoch ms. */
function arrivalsOf({ series, startMs, intervalMs }: VigilTest): number[] {
  const longest = Math.max(0, ...series.map(({ values }) => values.length));
  return Array.from({ length: longest }, (_value, i) => startMs + i * intervalMs);
}

/** The tags that make a series the resource's, unless they are given. */
function taggedFor(
  { namespace, name, service, host }: Resource,
  { labels }: InputSeries,
): Record<string, string> {
  const owner: Record<string, string> =
    host === null ? { resource: name } : { resource: service, host };
  return { namespace, ...owner, ...labels };
}
