import type { Condition, Expression, Selector, ValueExpression } from './ast';
import { lookbackMs, type LookbackOptions } from './lookback';
import type { Policy } from './policy';
import { childrenOf, contains, expressionsOf, selectorsOf } from './selectors';
import { namesResource } from './series';

/** What of the samples a policy looks at, for one of its targets. */
export interface Reading {
  /** Metrics of the target's own series. */
  metrics: readonly string[];
  /** Selectors that say whose series they mean: any of the target's namespace. */
  foreign: readonly Selector[];
  lookbackMs: number;
}

export function readingOf(
  policy: Pick<Policy, 'condition' | 'grades'>,
  options: LookbackOptions = {},
): Reading {
  const { condition, grades = [] } = policy;
  const graded = grades.map(({ expression }) => expression);
  const parts = [...expressionsOf(condition), ...graded];
  const lookbacks = graded.map((expression) => lookbackMs({ expression, forMs: 0 }, options));
  return {
    ...selectionOf(parts),
    lookbackMs: Math.max(lookbackMs(condition, options), ...lookbacks),
  };
}

/** The series that these expressions read. */
export function selectionOf(
  expressions: readonly Expression[],
): Pick<Reading, 'metrics' | 'foreign'> {
  const selectors = expressions.flatMap(selectorsOf);
  return {
    metrics: [...new Set(selectors.map(({ metric }) => metric))],
    foreign: selectors.filter(namesResource),
  };
}

/** The selectors that must have data, which those of `is missing` and `absent` need not. */
export function selectorsOfData(node: Expression | ValueExpression): Selector[] {
  if (isAboutAbsence(node)) return [];
  return node.kind === 'selector' ? [node] : childrenOf(node).flatMap(selectorsOfData);
}

/** Whether it matters since when samples have been received. */
export function readsAbsence(condition: Condition): boolean {
  return (
    condition.missing === 'firing' ||
    expressionsOf(condition).some((part) => contains(part, isAboutAbsence))
  );
}

function isAboutAbsence(node: Expression | ValueExpression): boolean {
  if (node.kind === 'missing') return true;
  return node.kind === 'call' && node.function.startsWith('absent');
}
