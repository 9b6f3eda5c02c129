import type { Expression, Selector } from '../policy/ast';
import { allOf } from '../policy/elements';
import { assess, assessElements } from '../policy/evaluate';
import { selectorsOfData } from '../policy/reading';
import { childrenOf, expressionsOf, selectorsOf } from '../policy/selectors';
import { matchesSelector, type Sample, type SeriesWindow } from '../policy/series';
import { not } from '../policy/timeline';
import type { VerdictValue, Verification } from '../policy/policy';
import { worseThan, type WorseFacts } from './worse';

/** Without a word on `stable`: at least this long, and at least this many samples. */
const DEFAULT_STABLE_MS = 30_000;
const DEFAULT_STABLE_SAMPLES = 3;

/** Data that is older than so many of its own intervals, and than so long, has stopped. */
const QUIET_SAMPLES = 3;
const QUIET_MS = 5000;

export interface VerifyFacts extends WorseFacts {
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
 * `settle` and inside `within`, on fresh data only. Until `within` is over the answer may be
 * "waiting"; then fresh data that is still true means failed, and anything less than proof means
 * inconclusive. What got worse has failed at once.
 */
export function verify(facts: VerifyFacts): VerifyAnswer {
  const { stepEndedAt, now, verify: wanted } = facts;
  const deadline = stepEndedAt + wanted.withinMs;
  const seen = look(facts, deadline);
  const { newest, latest, clearForMs } = seen;
  const worse = worseThan(facts, seen.series, latest === 'true' ? newest : null);
  if (worse !== null) return { kind: 'done', outcome: 'failed', why: `it got worse: ${worse}` };
  if (clearForMs !== null && clearForMs >= seen.stableMs) {
    return { kind: 'done', outcome: 'succeeded', why: `clear for ${seconds(clearForMs)}` };
  }
  if (now < deadline) return { kind: 'waiting', why: describe(seen) };
  const { dataUntil } = seen;
  const hasStopped = dataUntil !== null && dataUntil < deadline - seen.quietMs;
  const why = hasStopped ? `no fresh data since ${iso(dataUntil)}` : describe(seen);
  const outcome = latest === 'true' && !hasStopped ? 'failed' : 'inconclusive';
  return { kind: 'done', outcome, why: `after ${seconds(wanted.withinMs)}: ${why}` };
}

interface Look {
  /** What is judged. */
  series: SeriesWindow[];
  /** Timestamp of the newest sample that counts, and what the condition says there. */
  newest: number | null;
  latest: VerdictValue | null;
  /** Up to that sample, without a break; null: it is not clear. */
  clearForMs: number | null;
  /** Up to when there is data of everything that is asked for and had any; null: of nothing. */
  dataUntil: number | null;
  stableMs: number;
  quietMs: number;
}

function look(facts: VerifyFacts, deadline: number): Look {
  const { stepEndedAt, verify: wanted } = facts;
  const fresh = facts.series.map((series) => freshOnly(series, stepEndedAt));
  const wrong = {
    expression: withoutFor(facts.expression),
    ...(facts.clear === undefined ? {} : { clear: withoutFor(facts.clear) }),
  };
  const series = seriesToJudge(wrong.expression, fresh, facts.series);
  const asked = expressionsOf(wrong).flatMap(selectorsOf);
  const isAsked = (one: SeriesWindow): boolean =>
    asked.some((selector) => matchesSelector(selector, one));
  const times = sampleTimes(fresh.filter(isAsked), {
    from: stepEndedAt + wanted.settleMs,
    to: deadline,
  });
  const verdicts = times.map((ts) => verdictAt(wrong, { fresh, series }, ts));
  const newest = times.at(-1) ?? null;
  const clearSince = times[lastIndexOfOther(verdicts, 'false') + 1] ?? null;
  return {
    series,
    newest,
    latest: verdicts.at(-1) ?? null,
    clearForMs: clearSince === null || newest === null ? null : newest - clearSince,
    stableMs: wanted.stableMs ?? defaultStable(times, facts.intervalMs),
    dataUntil: dataUntil(asked, fresh),
    quietMs: quietMs(
      facts.intervalMs,
      facts.series.filter((one, i) => isAsked(one) && (fresh[i]?.samples.length ?? 0) > 0),
    ),
  };
}

/** The first of the newest times: a part that has stopped is not proven by another that goes on. */
function dataUntil(asked: readonly Selector[], fresh: readonly SeriesWindow[]): number | null {
  const newest = asked.flatMap((selector) => {
    const series = fresh.filter((one) => matchesSelector(selector, one));
    const ends = series.flatMap(({ samples }) => samples.at(-1)?.ts ?? []);
    return ends.length === 0 ? [] : [Math.max(...ends)];
  });
  return newest.length === 0 ? null : Math.min(...newest);
}

function describe({ latest, newest, clearForMs }: Look): string {
  if (latest === null) return 'no fresh data since the step ended';
  if (latest === 'true') return 'the condition is still true';
  if (latest === 'unknown') return 'the verdict is unknown';
  const since = iso((newest ?? 0) - (clearForMs ?? 0));
  return `the condition is clear since ${since}, not for long enough`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** How old the newest sample may be: what was true before the data stopped proves nothing of now. */
function quietMs(intervalMs: number | null, alive: readonly SeriesWindow[]): number {
  const gap = Math.max(intervalMs ?? 0, ...alive.map(medianGap));
  return Math.max(QUIET_SAMPLES * gap, QUIET_MS);
}

/** Between two samples, ms; 0 of fewer than two. */
function medianGap({ samples }: SeriesWindow): number {
  const gaps = samples.slice(1).map(({ ts }, i) => ts - (samples[i]?.ts ?? ts));
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
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

/**
 * Timestamps of the samples that count, ascending. Neither a clock that runs ahead nor a sample
 * that was long on its way counts before its time: both ends hold for the earlier of timestamp and
 * receipt.
 */
function sampleTimes(
  series: readonly SeriesWindow[],
  { from, to }: { from: number; to: number },
): number[] {
  const counts = ({ ts, receivedAt }: Sample): boolean => {
    const at = Math.min(ts, receivedAt);
    return at >= from && at <= to;
  };
  const times = new Set(
    series.flatMap(({ samples }) => samples.filter(counts)).map(({ ts }) => ts),
  );
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
