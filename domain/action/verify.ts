import type { Expression, Selector } from '../policy/ast';
import { allOf } from '../policy/elements';
import { assess, assessElements } from '../policy/evaluate';
import { selectorsOfData } from '../policy/reading';
import { childrenOf, expressionsOf } from '../policy/selectors';
import { matchesSelector, type Sample, type SeriesWindow } from '../policy/series';
import { not } from '../policy/timeline';
import type { VerdictValue, Verification } from '../policy/policy';

/** Without a word on `stable`: at least this long, and at least this many samples. */
const DEFAULT_STABLE_MS = 30_000;
const DEFAULT_STABLE_SAMPLES = 3;

export interface VerifyFacts {
  /** What was wrong; its `for` is dropped here. */
  expression: Expression;
  /** What says that it is well again, label set by label set; absent: the expression's negation. */
  clear?: Expression;
  series: readonly SeriesWindow[];
  /** Database clock, epoch ms. */
  stepEndedAt: number;
  now: number;
  intervalMs: number | null;
  verify: Verification;
}

export type VerifyAnswer =
  | { kind: 'waiting'; why: string }
  | { kind: 'done'; outcome: 'succeeded' | 'failed' | 'inconclusive'; why: string };

/**
 * Says whether the cause is gone: the condition must stay false for `stable`, counted after
 * `settle`, on fresh data only. Until `within` is over the answer may be "waiting"; then fresh data
 * that is still true means failed, and anything less than proof means inconclusive.
 */
export function verify(facts: VerifyFacts): VerifyAnswer {
  const { stepEndedAt, now, verify: wanted } = facts;
  const fresh = facts.series.map((series) => freshOnly(series, stepEndedAt));
  const wrong = {
    expression: withoutFor(facts.expression),
    ...(facts.clear === undefined ? {} : { clear: withoutFor(facts.clear) }),
  };
  const seen = { fresh, series: seriesToJudge(wrong.expression, fresh, facts.series) };
  const times = sampleTimes(fresh).filter((ts) => ts >= stepEndedAt + wanted.settleMs);
  const verdicts = times.map((ts) => verdictAt(wrong, seen, ts));
  const clearSince = times[lastIndexOfOther(verdicts, 'false') + 1] ?? null;
  const newest = times.at(-1) ?? null;
  const stableMs = wanted.stableMs ?? defaultStable(times, facts.intervalMs);
  if (clearSince !== null && newest !== null && newest - clearSince >= stableMs) {
    return { kind: 'done', outcome: 'succeeded', why: `clear for ${seconds(newest - clearSince)}` };
  }
  const why = describe(verdicts.at(-1) ?? null, clearSince);
  if (now < stepEndedAt + wanted.withinMs) return { kind: 'waiting', why };
  const outcome = verdicts.at(-1) === 'true' ? 'failed' : 'inconclusive';
  return { kind: 'done', outcome, why: `after ${seconds(wanted.withinMs)}: ${why}` };
}

function describe(latest: VerdictValue | null, clearSince: number | null): string {
  if (latest === null) return 'no fresh data since the step ended';
  if (latest === 'true') return 'the condition is still true';
  if (latest === 'unknown') return 'the verdict is unknown';
  return `the condition is clear since ${new Date(clearSince ?? 0).toISOString()}, not for long enough`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** Fresh = received after the step ended, and beyond the series' newest timestamp then. */
function freshOnly(series: SeriesWindow, stepEndedAt: number): SeriesWindow {
  const isOld = (sample: Sample): boolean => sample.receivedAt <= stepEndedAt;
  const newestThen = Math.max(-Infinity, ...series.samples.filter(isOld).map((s) => s.ts));
  return { ...series, samples: series.samples.filter((s) => !isOld(s) && s.ts > newestThen) };
}

interface Wrong {
  expression: Expression;
  clear?: Expression;
}

interface Seen {
  fresh: readonly SeriesWindow[];
  series: readonly SeriesWindow[];
}

/** "False" is proof only where everything that is asked for has fresh data: nothing at all is never well. */
function verdictAt(wrong: Wrong, seen: Seen, ts: number): VerdictValue {
  const verdict = bareVerdict(wrong, seen, ts);
  return verdict === 'false' && !isProven(wrong, seen.fresh, ts) ? 'unknown' : verdict;
}

function bareVerdict({ expression, clear }: Wrong, { series }: Seen, ts: number): VerdictValue {
  const input = { series, now: ts, intervalMs: null, previous: null };
  const { verdict } = assess({ expression, forMs: 0 }, input);
  if (clear === undefined || verdict === 'true') return verdict;
  const cleared = assessElements({ expression: clear, forMs: 0 }, input);
  return not(allOf(cleared.map((one) => one.verdict)));
}

function isProven(wrong: Wrong, fresh: readonly SeriesWindow[], ts: number): boolean {
  const asked = expressionsOf(wrong).flatMap(selectorsOfData);
  return asked.every((selector) =>
    fresh.some(
      (one) =>
        matchesSelector(selector, one) &&
        one.samples.some((sample) => sample.ts + (selector.offsetMs ?? 0) <= ts),
    ),
  );
}

/** A series that is asked whether it is missing shows that by what came before the step, too. */
function seriesToJudge(
  expression: Expression,
  fresh: readonly SeriesWindow[],
  all: readonly SeriesWindow[],
): SeriesWindow[] {
  const missing = missingSelectors(expression);
  return fresh.map((one, i) => {
    const isAsked = missing.some((selector) => matchesSelector(selector, one));
    return one.samples.length === 0 && isAsked ? (all[i] ?? one) : one;
  });
}

function missingSelectors(node: Parameters<typeof childrenOf>[0]): Selector[] {
  return node.kind === 'missing' ? [node.operand] : childrenOf(node).flatMap(missingSelectors);
}

function sampleTimes(series: readonly SeriesWindow[]): number[] {
  const times = new Set(series.flatMap((s) => s.samples.map((sample) => sample.ts)));
  return [...times].sort((a, b) => a - b);
}

function lastIndexOfOther(verdicts: readonly VerdictValue[], value: VerdictValue): number {
  for (let i = verdicts.length - 1; i >= 0; i--) if (verdicts[i] !== value) return i;
  return -1;
}

function defaultStable(times: readonly number[], intervalMs: number | null): number {
  const first = times[0];
  const last = times.at(-1);
  const gap =
    intervalMs ??
    (first === undefined || last === undefined
      ? 0
      : (last - first) / Math.max(times.length - 1, 1));
  return Math.max(DEFAULT_STABLE_MS, DEFAULT_STABLE_SAMPLES * gap);
}

/** The bare condition: verification has its own rule for how long it must hold. */
export function withoutFor(expression: Expression): Expression {
  switch (expression.kind) {
    case 'for':
    case 'forAttempts':
      return withoutFor(expression.operand);
    case 'and':
    case 'or':
      return {
        ...expression,
        left: withoutFor(expression.left),
        right: withoutFor(expression.right),
      };
    case 'not':
      return { ...expression, operand: withoutFor(expression.operand) };
    case 'compare':
    case 'truthy':
    case 'present':
    case 'trend':
    case 'missing':
      return expression;
  }
}

/**
 * What is wrong for an action that no policy asked for: the resource differs from its manifest, or
 * its health check fails. A deliberate stop is wrong while nothing differs: it still runs.
 */
export function manualExpression(verb: string, hasHealthCheck: boolean): Expression {
  const drifts = compare('resource_drift', verb === 'stop' ? '==' : '>');
  if (verb === 'stop' || !hasHealthCheck) return drifts;
  return { kind: 'or', at: 0, left: drifts, right: compare('http_up', '==') };
}

function compare(metric: string, op: '>' | '=='): Expression {
  return {
    kind: 'compare',
    at: 0,
    op,
    left: { kind: 'selector', at: 0, metric, matchers: [] },
    right: { kind: 'number', at: 0, value: 0, isPercent: false },
  };
}
