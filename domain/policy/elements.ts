import type { Expression } from './ast';
import { isLeaf, runLeaf, type LeafContext } from './leaf';
import type { VerdictValue } from './policy';
import { selectorsOf } from './selectors';
import { matchesSelector, type SeriesWindow } from './series';
import { attemptsStart, heldFor, heldForAttempts } from './sustained';
import { and, anyOf, clip, combine, not, or, type Timeline } from './timeline';

export interface ElementsContext extends LeafContext {
  /** Interval of the health check, for `for N attempts`; null: the series' median gap. */
  intervalMs: number | null;
  /** Times up to which the timelines were looked at. */
  horizons: number[];
}

/** One label set, or the whole of a condition, over time. */
export interface Element {
  name: string | null;
  labels: Readonly<Record<string, string>>;
  timeline: Timeline;
  /** The series whose samples are its attempts. */
  sources: readonly SeriesWindow[];
}

/** Comparisons keep their label sets, also through `for`; and, or, not make one of them. */
export function elementsOf(
  expression: Expression,
  from: number,
  context: ElementsContext,
): Element[] {
  if (isLeaf(expression)) {
    const { elements, nextUnseen } = runLeaf(expression, from, context);
    if (nextUnseen !== null) context.horizons.push(nextUnseen);
    return elements;
  }
  switch (expression.kind) {
    case 'and':
    case 'or': {
      const sides = [expression.left, expression.right].map((side) =>
        foldedTimeline(side, from, context),
      );
      return [
        folded(expression, combine(sides, from, expression.kind === 'and' ? and : or), context),
      ];
    }
    case 'not': {
      const operand = foldedTimeline(expression.operand, from, turned(context));
      const timeline = operand.map(({ start, value }) => ({ start, value: not(value) }));
      return [folded(expression, timeline, context)];
    }
    case 'for': {
      const { operand, durationMs } = expression;
      return elementsOf(operand, from - durationMs, context).map((element) => ({
        ...element,
        timeline: clip(heldFor(element.timeline, durationMs), from),
      }));
    }
    case 'forAttempts':
      return attemptElements(expression, from, context);
  }
}

/** Any label set makes the whole true. */
export function foldedTimeline(
  expression: Expression,
  from: number,
  context: ElementsContext,
): Timeline {
  return foldElements(elementsOf(expression, from, context), from);
}

export function foldElements(elements: readonly Element[], from: number): Timeline {
  const [only] = elements;
  if (elements.length === 1 && only !== undefined) return only.timeline;
  return combine(
    elements.map(({ timeline }) => timeline),
    from,
    anyOf,
  );
}

function folded(expression: Expression, timeline: Timeline, context: ElementsContext): Element {
  return { name: null, labels: {}, timeline, sources: sourcesOf(expression, context) };
}

/** Under a NOT, and in what clears, what makes the operand false makes the whole true. */
export function turned(context: ElementsContext): ElementsContext {
  return { ...context, silence: not(context.silence) };
}

function attemptElements(
  { operand, attempts }: Extract<Expression, { kind: 'forAttempts' }>,
  from: number,
  context: ElementsContext,
): Element[] {
  const start = attemptsStart(sourcesOf(operand, context), attempts, from, context.lateMs);
  const { intervalMs } = context;
  const freshness = { ...context, from: start };
  return elementsOf(operand, start, context).map((element) => {
    const each = element.sources.map((source) =>
      heldForAttempts(element.timeline, source, { count: attempts, intervalMs }, freshness),
    );
    return { ...element, timeline: combine(each, from, allOf) };
  });
}

/** Every series that is still sampled must hold: a silent one has no say. */
export function allOf(values: readonly VerdictValue[]): VerdictValue {
  if (values.includes('false')) return 'false';
  return values.includes('true') ? 'true' : 'unknown';
}

function sourcesOf(expression: Expression, { series }: ElementsContext): SeriesWindow[] {
  const selectors = selectorsOf(expression);
  return series.filter((one) => selectors.some((selector) => matchesSelector(selector, one)));
}
