import type { Condition, Expression } from './ast';
import { evidenceOf, testsOf, timelineOf, type Leaf } from './leaf';
import type { Evidence, Verdict, VerdictValue } from './policy';
import { matchesSelector, selectorsOf, type Freshness, type SeriesWindow } from './series';
import { attemptsStart, heldFor, heldForAttempts } from './sustained';
import { and, anyOf, clip, combine, indexAt, not, or, type Timeline } from './timeline';

export { matchesSelector, selectorsOf } from './series';
export type { Sample, SeriesWindow } from './series';

const DEFAULT_STALENESS_MS = 300_000;
const DEFAULT_LATE_MS = 60_000;
/** How many series a verdict names. */
const MAX_EVIDENCE = 20;

/** The verdict of an earlier evaluation. Times are epoch ms; `evaluatedTo` was its `now`. */
export interface PreviousVerdict {
  verdict: VerdictValue;
  since: number;
  evaluatedTo: number;
}

export interface EvaluationInput {
  /** What is known of the resource's series; others than the condition's are ignored. */
  series: readonly SeriesWindow[];
  now: number;
  /** Interval of the resource's health check, for `for N attempts`; null: the series' median gap. */
  intervalMs: number | null;
  /** Null: the windows alone say since when. */
  previous: PreviousVerdict | null;
  stalenessMs?: number;
  /** Samples received later than that after their timestamp never count. */
  lateMs?: number;
}

/** What evaluation reads of a condition; `forMs` is the caller's to wait for. */
export type Evaluable = Pick<Condition, 'expression' | 'forMs'>;

export interface Assessment {
  verdict: Verdict;
  /** Epoch ms when the verdict changes if no sample comes; null: it does not. */
  nextChangeAt: number | null;
}

/**
 * The verdict of a condition without its trailing `for`. Pure: windows in memory and windows
 * read from storage give the same answer.
 *
 * The condition is turned into a timeline, exact between samples too: staleness ends a run, and
 * `since` is the start of the last one. With `previous`, only the time since is looked at: a run
 * that goes on keeps its `since`, one that began later never begins before the run it ended.
 */
export function evaluate(condition: Evaluable, input: EvaluationInput): Verdict {
  return assess(condition, input).verdict;
}

/** The earliest time after `now` at which the verdict changes without new samples, or null. */
export function nextChangeAt(condition: Evaluable, input: EvaluationInput): number | null {
  return assess(condition, input).nextChangeAt;
}

/** Verdict and next change in one go. */
export function assess({ expression }: Evaluable, input: EvaluationInput): Assessment {
  const context = contextOf(expression, input);
  const from = startOf(context, input);
  const timeline = verdictTimeline(expression, from, context);
  const index = indexAt(timeline, input.now);
  const value = timeline[index]?.value ?? 'unknown';
  const evidence = leavesOf(expression)
    .flatMap((leaf) => evidenceOf(leaf, context.series, input.now, context))
    .sort((a, b) => rank(a, value) - rank(b, value))
    .slice(0, MAX_EVIDENCE);
  return {
    verdict: {
      verdict: value,
      since: sinceOf({ expression, context, input, timeline, index }),
      value: evidence[0]?.value ?? null,
      evidence,
    },
    nextChangeAt: timeline[index + 1]?.start ?? null,
  };
}

interface Context extends Freshness {
  series: readonly SeriesWindow[];
  intervalMs: number | null;
}

function contextOf(expression: Expression, input: EvaluationInput): Context {
  const selectors = selectorsOf(expression);
  return {
    series: input.series.filter((one) => selectors.some((s) => matchesSelector(s, one))),
    intervalMs: input.intervalMs,
    stalenessMs: input.stalenessMs ?? DEFAULT_STALENESS_MS,
    lateMs: input.lateMs ?? DEFAULT_LATE_MS,
  };
}

/**
 * Where to look from. A window that begins a little after the previous evaluation (at most one
 * staleness) was cut there: what it does not show counts as unbroken.
 */
function startOf(context: Context, { previous, now }: EvaluationInput): number {
  if (previous === null) return -Infinity;
  const from = Math.min(previous.evaluatedTo, now);
  const edges = context.series.map(({ samples }) => samples[0]?.ts ?? Infinity);
  const edge = Math.min(...edges, Infinity);
  const wasCut = edge > from && edge <= now && edge - from < context.stalenessMs;
  return wasCut ? edge : from;
}

interface Run {
  expression: Expression;
  context: Context;
  input: EvaluationInput;
  timeline: Timeline;
  /** Of the run in force now. */
  index: number;
}

function sinceOf({ expression, context, input, timeline, index }: Run): number {
  const { previous, now } = input;
  const run = timeline[index];
  if (previous !== null && index === 0) {
    if (run?.value === previous.verdict) return previous.since;
    const whole = verdictTimeline(expression, -Infinity, context);
    return Math.max(previous.since, finite(whole[indexAt(whole, now)]?.start, now));
  }
  return finite(run?.start, now);
}

/** A run without a beginning (nothing was ever seen) begins now. */
function finite(start: number | undefined, now: number): number {
  return start === undefined || start === -Infinity ? now : start;
}

/** One label set, or the whole of a condition, over time. */
interface Element {
  timeline: Timeline;
  /** The series whose samples are its attempts. */
  sources: readonly SeriesWindow[];
}

function verdictTimeline(expression: Expression, from: number, context: Context): Timeline {
  const timelines = elementsOf(expression, from, context).map(({ timeline }) => timeline);
  const [only] = timelines;
  return timelines.length === 1 && only !== undefined ? only : combine(timelines, from, anyOf);
}

/** Comparisons keep their label sets, also through `for`; and, or, not make one of them. */
function elementsOf(expression: Expression, from: number, context: Context): Element[] {
  switch (expression.kind) {
    case 'compare':
    case 'truthy':
      return testsOf(expression, context.series).map((test) => ({
        timeline: timelineOf(test, from, context),
        sources: test.sources,
      }));
    case 'and':
    case 'or': {
      const sides = [expression.left, expression.right].map((side) =>
        verdictTimeline(side, from, context),
      );
      const fold = expression.kind === 'and' ? and : or;
      return [{ timeline: combine(sides, from, fold), sources: sourcesOf(expression, context) }];
    }
    case 'not': {
      const operand = verdictTimeline(expression.operand, from, context);
      const timeline = operand.map(({ start, value }) => ({ start, value: not(value) }));
      return [{ timeline, sources: sourcesOf(expression, context) }];
    }
    case 'for': {
      const { operand, durationMs } = expression;
      return elementsOf(operand, from - durationMs, context).map(({ timeline, sources }) => ({
        timeline: clip(heldFor(timeline, durationMs), from),
        sources,
      }));
    }
    case 'forAttempts':
      return attemptElements(expression, from, context);
  }
}

function attemptElements(
  { operand, attempts }: Extract<Expression, { kind: 'forAttempts' }>,
  from: number,
  context: Context,
): Element[] {
  const start = attemptsStart(sourcesOf(operand, context), attempts, from, context.lateMs);
  const { intervalMs } = context;
  const freshness = { ...context, from: start };
  return elementsOf(operand, start, context).map(({ timeline, sources }) => {
    const each = sources.map((source) =>
      heldForAttempts(timeline, source, { count: attempts, intervalMs }, freshness),
    );
    return { timeline: combine(each, from, allOf), sources };
  });
}

/** Every series that is still sampled must hold: a silent one has no say. */
function allOf(values: readonly VerdictValue[]): VerdictValue {
  if (values.includes('false')) return 'false';
  return values.includes('true') ? 'true' : 'unknown';
}

function sourcesOf(expression: Expression, { series }: Context): SeriesWindow[] {
  const selectors = selectorsOf(expression);
  return series.filter((one) => selectors.some((selector) => matchesSelector(selector, one)));
}

function leavesOf(expression: Expression): Leaf[] {
  switch (expression.kind) {
    case 'compare':
    case 'truthy':
      return [expression];
    case 'and':
    case 'or':
      return [...leavesOf(expression.left), ...leavesOf(expression.right)];
    case 'not':
    case 'for':
    case 'forAttempts':
      return leavesOf(expression.operand);
  }
}

/** Evidence that says what the verdict says comes first. */
function rank(evidence: Evidence, verdict: VerdictValue): number {
  if (evidence.verdict === verdict) return 0;
  return evidence.verdict === 'unknown' ? 2 : 1;
}

/** Samples of series without a known interval are taken to be at most this far apart. */
const ASSUMED_INTERVAL_MS = 60_000;

/**
 * How much history, in milliseconds back from now, an evaluation needs to say the verdict and
 * whether it has held for the trailing `for`.
 */
export function lookbackMs(
  { expression, forMs }: Evaluable,
  { intervalMs = null, stalenessMs = DEFAULT_STALENESS_MS }: LookbackOptions = {},
): number {
  return stalenessMs + forMs + depthMs(expression, intervalMs ?? ASSUMED_INTERVAL_MS);
}

export interface LookbackOptions {
  intervalMs?: number | null;
  stalenessMs?: number;
}

function depthMs(expression: Expression, intervalMs: number): number {
  switch (expression.kind) {
    case 'compare':
    case 'truthy':
      return 0;
    case 'and':
    case 'or':
      return Math.max(depthMs(expression.left, intervalMs), depthMs(expression.right, intervalMs));
    case 'not':
      return depthMs(expression.operand, intervalMs);
    case 'for':
      return expression.durationMs + depthMs(expression.operand, intervalMs);
    case 'forAttempts':
      return 2 * expression.attempts * intervalMs + depthMs(expression.operand, intervalMs);
  }
}
