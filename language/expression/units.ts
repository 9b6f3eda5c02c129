import type { ValueExpression } from '../../domain/policy/ast';
import { ExpressionError } from './lexer';

/** Suffixes of metrics that are no share of anything. */
const NO_RATIO = /_(bytes|seconds|milliseconds|total)$/;

/** Refuses comparisons that always say the same, or that mix units. Throws ExpressionError. */
export function refuseMeaningless(left: ValueExpression, right: ValueExpression): void {
  if (left.kind === 'number' && right.kind === 'number') {
    throw new ExpressionError(
      left.at,
      left.isPercent === right.isPercent
        ? 'compares two numbers and would always say the same; name a metric'
        : 'mixes a percentage and a number; compare one of them with a metric',
    );
  }
  const [literal, metric] = left.kind === 'number' ? [left, right] : [right, left];
  if (literal.kind !== 'number' || !literal.isPercent || metric.kind !== 'selector') return;
  const unit = NO_RATIO.exec(metric.metric)?.[1];
  if (unit === undefined) return;
  throw new ExpressionError(
    literal.at,
    `${metric.metric} is no ratio, so ${literal.value}% mixes units; write the limit as a number`,
  );
}
