import type { Condition, Expression } from './ast';
import { allOf, elementsOf, turned, type Element, type ElementsContext } from './elements';
import { evidenceFor } from './evidence';
import { latch, type Latched } from './latch';
import { isLeaf, judgeNow, type Leaf } from './leaf';
import type { Evidence, Verdict, VerdictValue } from './policy';
import { expressionsOf, selectorsOf } from './selectors';
import {
  DEFAULT_LATE_MS,
  DEFAULT_STALENESS_MS,
  labelSetKey,
  matchesSelector,
  type SeriesWindow,
} from './series';
import { anyOf, combine, type Timeline } from './timeline';

/** The verdict of an earlier evaluation. Times are epoch ms; `evaluatedTo` was its `now`. */
export interface PreviousVerdict {
  verdict: VerdictValue;
  since: number;
  evaluatedTo: number;
}

/** A label set (see labelSetKey) that hysteresis keeps true, and since when it is, epoch ms. */
export interface HeldLabelSet {
  key: string;
  since: number;
}

export interface EvaluationInput {
  /** What is known of the resource's series; others than the condition's are ignored. */
  series: readonly SeriesWindow[];
  now: number;
  /** Interval of the resource's health check, for `for N attempts`; null: the series' median gap. */
  intervalMs: number | null;
  /** Null: the windows alone say since when. */
  previous: PreviousVerdict | null;
  /** The label sets that had fired and were not clear, as an earlier assessment said; absent: not known. */
  held?: readonly HeldLabelSet[];
  stalenessMs?: number;
  /** Samples received later than that after their timestamp never count. */
  lateMs?: number;
  /** Since when samples have been received without a break, epoch ms; absence before says nothing. */
  receivingSince?: number;
  /** Look only at multiples of it, as a rule evaluator with that interval does; absent: at every change. */
  tickMs?: number;
  /** The first of these looks, epoch ms; absent: 0. The others are counted from it. */
  ticksFrom?: number;
  /** Absence of a series that was never seen counts; else it is unknown. */
  countsNeverSeen?: boolean;
}

/** What evaluation reads of a condition; `forMs` is the caller's to wait for. */
export type Evaluable = Pick<
  Condition,
  'expression' | 'forMs' | 'clear' | 'missing' | 'keepFiringMs'
>;

export interface Assessment {
  verdict: VerdictValue;
  /** Epoch ms of the first sample of the present run of this verdict. */
  since: number;
  /** Epoch ms when the verdict may change if no sample comes, never late; null: it does not. */
  nextChangeAt: number | null;
  /** What hysteresis holds: to be handed to the next evaluation. */
  held: readonly HeldLabelSet[];
  /** What it rests on; costs more than the verdict. */
  evidence: () => Evidence[];
}

/**
 * The verdict of a condition without its trailing `for`. Pure: windows in memory and windows
 * read from storage give the same answer.
 *
 * The condition is turned into a timeline per label set, exact between samples too: staleness ends
 * a run, and `since` is the start of the last one. With `previous`, only the time since is looked
 * at: a run that goes on keeps its `since`, one that began later never begins before the run it ended.
 */
export function evaluate(condition: Evaluable, input: EvaluationInput): Verdict {
  const { verdict, since, evidence } = assess(condition, input);
  const rows = evidence();
  return { verdict, since, value: rows[0]?.value ?? null, evidence: rows };
}

/** The earliest time after `now` at which the verdict may change without new samples, or null. */
export function nextChangeAt(condition: Evaluable, input: EvaluationInput): number | null {
  return assess(condition, input).nextChangeAt;
}

/** Verdict and next change in one go. */
export function assess(condition: Evaluable, input: EvaluationInput): Assessment {
  const context = contextOf(condition, input);
  const from = startOf(condition, context, input);
  const run = look(condition, { from, context, input });
  const { folded, index } = run;
  const verdict = folded[index]?.value ?? 'unknown';
  return {
    verdict,
    since: sinceOf(condition, run, { context, input }),
    nextChangeAt: earliest([folded[index + 1]?.start, ...context.horizons], input.now),
    held: heldOf(run.elements),
    evidence: () => evidenceFor(condition.expression, verdict, context),
  };
}

export interface ElementVerdict {
  name: string | null;
  labels: Readonly<Record<string, string>>;
  verdict: VerdictValue;
  since: number;
  /** What was judged; null: no value now, or a fold of several. */
  value: number | null;
}

/** The same label set by label set, as alerts are counted: hysteresis included, the trailing `for` not. */
export function assessElements(condition: Evaluable, input: EvaluationInput): ElementVerdict[] {
  const context = contextOf(condition, input);
  const from = startOf(condition, context, input);
  const leaf = leafOf(condition.expression);
  const values = leaf === null ? [] : judgeNow(leaf, context).values;
  const { elements } = look(condition, { from, context, input });
  return elements.map(({ name, labels, stretches }, i) => {
    const now = stretches[stretchAt(stretches, input.now)];
    return {
      name,
      labels,
      verdict: now?.value ?? 'unknown',
      since: finite(now?.since, input.now),
      value: values[i] ?? null,
    };
  });
}

/** The leaf whose label sets are those of the expression; null: they are folded. */
function leafOf(expression: Expression): Leaf | null {
  if (isLeaf(expression)) return expression;
  const isHeld = expression.kind === 'for' || expression.kind === 'forAttempts';
  return isHeld ? leafOf(expression.operand) : null;
}

function contextOf(condition: Evaluable, input: EvaluationInput): ElementsContext {
  const selectors = expressionsOf(condition).flatMap(selectorsOf);
  return {
    series: input.series.filter((one) => selectors.some((s) => matchesSelector(s, one))),
    now: input.now,
    intervalMs: input.intervalMs,
    stalenessMs: input.stalenessMs ?? DEFAULT_STALENESS_MS,
    lateMs: input.lateMs ?? DEFAULT_LATE_MS,
    receivingSince: input.receivingSince ?? -Infinity,
    countsNeverSeen: input.countsNeverSeen ?? false,
    silence: SILENCE[condition.missing ?? 'hold'],
    tickMs: input.tickMs ?? null,
    ticksFrom: input.ticksFrom ?? 0,
    horizons: [],
  };
}

const SILENCE = { hold: 'unknown', healthy: 'false', firing: 'true' } as const;

/**
 * Where to look from. A window that begins a little after the previous evaluation (at most one
 * staleness) was cut there: what it does not show counts as unbroken.
 */
function startOf(
  { keepFiringMs = 0 }: Evaluable,
  context: ElementsContext,
  { previous, now }: EvaluationInput,
): number {
  if (previous === null) return -Infinity;
  const from = Math.min(previous.evaluatedTo, now) - keepFiringMs;
  const edges = context.series.map(({ samples }) => samples[0]?.ts ?? Infinity);
  const edge = Math.min(...edges, Infinity);
  const wasCut = edge > from && edge <= now && edge - from < context.stalenessMs;
  return wasCut ? edge : from;
}

interface LatchedElement extends Pick<Element, 'name' | 'labels'>, Latched {}

function heldOf(elements: readonly LatchedElement[]): HeldLabelSet[] {
  return elements.flatMap(({ labels, heldSince }) =>
    heldSince === null ? [] : [{ key: labelSetKey(labels), since: heldSince }],
  );
}

interface Look {
  from: number;
  elements: LatchedElement[];
  folded: Timeline;
  /** Of the run in force now. */
  index: number;
}

interface Looking {
  from: number;
  context: ElementsContext;
  input: EvaluationInput;
}

function look(condition: Evaluable, looking: Looking): Look {
  const { context, input } = looking;
  const { expression, forMs } = condition;
  let { from } = looking;
  let found = elementsOf(expression, from, context);
  if (found.length > 1 && forMs > 0 && from > input.now - forMs) {
    // How long each of them has been true is in no previous verdict.
    from = input.now - forMs;
    found = elementsOf(expression, from, context);
  }
  const elements = latchAll(condition, found, { ...looking, from });
  const folded =
    elements.length === 1
      ? (elements[0]?.stretches ?? [])
      : combine(
          elements.map(({ stretches }) => stretches),
          from,
          anyOf,
        );
  return { from, elements, folded, index: stretchAt(folded, input.now) };
}

function latchAll(
  { forMs, clear, keepFiringMs = 0 }: Evaluable,
  elements: readonly Element[],
  { from, context, input }: Looking,
): LatchedElement[] {
  const before = input.previous?.verdict === 'true' ? { since: input.previous.since } : null;
  if (clear === undefined && keepFiringMs === 0) {
    return elements.map(({ name, labels, timeline }) => ({
      name,
      labels,
      heldSince: null,
      stretches: timeline.map(({ start, value }, i) => ({
        start,
        value,
        since: i === 0 && value === 'true' && before !== null ? before.since : start,
      })),
    }));
  }
  const clearOf = clear === undefined ? () => null : clearedBy(clear, from, context);
  return elements.map((element) => {
    const { name, labels, timeline } = element;
    const held = input.held?.find(({ key }) => key === labelSetKey(labels));
    // Where nobody says which label sets were held, each that is not clear was.
    const wasTrue =
      timeline[0]?.value === 'true' ||
      (input.held === undefined && (elements.length === 1 || clear !== undefined));
    const known = wasTrue && from > -Infinity ? before : null;
    const initial = held === undefined ? known : { since: held.since, hasFired: true };
    const [whole, kept] = [wholeTicks(forMs, context), wholeTicks(keepFiringMs, context)];
    const clears = { clear: clearOf(element), initial, now: input.now };
    const options = { forMs: whole, keepFiringMs: kept, ...clears };
    return { name, labels, ...latch(timeline, options) };
  });
}

/** A rule evaluator finds out at its next look that a duration is over. */
function wholeTicks(durationMs: number, { tickMs }: ElementsContext): number {
  return tickMs === null ? durationMs : Math.ceil(durationMs / tickMs) * tickMs;
}

/** What clears each label set: its namesake of the clearing expression, else all of them together. */
function clearedBy(
  clear: Expression,
  from: number,
  context: ElementsContext,
): (element: Element) => Timeline {
  // No data means for what is well what it means for what is wrong, turned round.
  const elements = elementsOf(clear, from, turned(context));
  const timelinesOf = (some: readonly Element[]): Timeline =>
    combine(
      some.map(({ timeline }) => timeline),
      from,
      allOf,
    );
  const all = timelinesOf(elements);
  return ({ labels }) => {
    const own = elements.filter((one) => labelSetKey(one.labels) === labelSetKey(labels));
    return own.length === 0 ? all : timelinesOf(own);
  };
}

function sinceOf(
  condition: Evaluable,
  run: Look,
  { context, input }: Pick<Looking, 'context' | 'input'>,
): number {
  const { previous, now } = input;
  const present = run.folded[run.index];
  const oldest = oldestTrue(condition, run, now);
  if (previous === null || run.index > 0) return oldest ?? finite(present?.start, now);
  // The run began before `from`: it goes on with the verdict before, if that said the same.
  if (present?.value === previous.verdict || run.from === -Infinity) {
    return Math.max(previous.since, oldest ?? previous.since);
  }
  const anew = { from: -Infinity, context, input: { ...input, previous: null } };
  const whole = look(condition, anew);
  return Math.max(previous.since, finite(whole.folded[whole.index]?.start, now));
}

/** The trailing `for` counts for each label set: the oldest that is true says since when. Null: the whole is one run. */
function oldestTrue(
  { forMs }: Evaluable,
  { elements, folded, index }: Look,
  now: number,
): number | null {
  if (folded[index]?.value !== 'true' || (elements.length > 1 && forMs === 0)) return null;
  const own = elements.flatMap(({ stretches }) => {
    const stretch = stretches[stretchAt(stretches, now)];
    return stretch?.value === 'true' ? [stretch.since] : [];
  });
  return finite(Math.min(...own), now);
}

/** A run without a beginning (nothing was ever seen) begins now. */
function finite(start: number | undefined, now: number): number {
  return start === undefined || !Number.isFinite(start) ? now : start;
}

function stretchAt(stretches: readonly { start: number }[], time: number): number {
  let index = stretches.length - 1;
  while (index > 0 && (stretches[index]?.start ?? 0) > time) index -= 1;
  return Math.max(0, index);
}

function earliest(times: readonly (number | undefined)[], now: number): number | null {
  const ahead = times.filter((time) => time !== undefined && time > now) as number[];
  return ahead.length === 0 ? null : Math.min(...ahead);
}
