import type {
  Compare,
  Expression,
  NumberLiteral,
  Selector,
  ValueExpression,
} from '../../domain/policy/ast';
import { ExpressionError } from './errors';

/** Suffixes of metrics that are no share of anything. */
const NO_RATIO = /_(bytes|seconds|milliseconds|total)$/;

/** What keeps the unit of its argument. */
const SAME_UNIT = ['avg', 'min', 'max', 'avg_over_time', 'min_over_time', 'max_over_time'];

/** What a test reads, for the questions about its percentages. */
interface Contents {
  metrics: Selector[];
  comparisons: Compare[];
  /** Percentages that no comparison gives a meaning. */
  loose: NumberLiteral[];
  percents: NumberLiteral[];
}

/** Refuses percentages that mix units or have none. Throws ExpressionError. */
export function refuseMixedUnits(expression: Expression): void {
  switch (expression.kind) {
    case 'and':
    case 'or':
      refuseMixedUnits(expression.left);
      refuseMixedUnits(expression.right);
      return;
    case 'not':
    case 'for':
    case 'forAttempts':
      refuseMixedUnits(expression.operand);
      return;
    case 'compare':
      checkTest(expression);
      return;
    case 'truthy':
    case 'present':
      checkTest(expression.operand);
      return;
    case 'trend':
    case 'missing':
  }
}

/** One scale holds for a whole test, comparisons inside it included. */
function checkTest(test: ValueExpression): void {
  const contents: Contents = { metrics: [], comparisons: [], loose: [], percents: [] };
  collect(test, false, contents);
  const [first] = contents.percents;
  if (first === undefined) return;
  const [loose] = contents.loose;
  if (loose !== undefined) {
    const message = `${loose.value}% says nothing outside a comparison; write ${loose.value / 100}`;
    throw new ExpressionError(loose.at, message);
  }
  for (const comparison of contents.comparisons) refuseNoRatio(comparison);
  const inPercent = contents.metrics.find(({ metric }) => metric.endsWith('_percent'));
  const asRatio = contents.metrics.find(({ metric }) => !metric.endsWith('_percent'));
  if (inPercent === undefined || asRatio === undefined) return;
  throw new ExpressionError(
    first.at,
    `${first.value}% is ${first.value} for ${inPercent.metric} and ${first.value / 100} for ${asRatio.metric}; write the limit as a number`,
  );
}

function collect(value: ValueExpression, isCompared: boolean, contents: Contents): void {
  if (value.kind === 'selector') contents.metrics.push(value);
  if (value.kind === 'compare') contents.comparisons.push(value);
  if (value.kind === 'number' && value.isPercent) {
    contents.percents.push(value);
    if (!isCompared) contents.loose.push(value);
  }
  for (const operand of operandsOf(value)) {
    collect(operand, isCompared || value.kind === 'compare', contents);
  }
  // How many, or which quantile, has nothing to do with what the result is compared with.
  if (value.kind === 'aggregate' && value.parameter !== undefined) {
    collect(value.parameter, false, contents);
  }
}

function operandsOf(value: ValueExpression): readonly ValueExpression[] {
  switch (value.kind) {
    case 'number':
    case 'selector':
      return [];
    case 'call':
      return value.args;
    case 'aggregate':
    case 'negate':
      return [value.operand];
    case 'compare':
    case 'arithmetic':
    case 'set':
      return [value.left, value.right];
  }
}

function refuseNoRatio({ left, right }: Compare): void {
  const [literal, compared] = left.kind === 'number' ? [left, right] : [right, left];
  if (literal.kind !== 'number' || !literal.isPercent) return;
  const metric = plainMetric(compared);
  if (metric === null || !NO_RATIO.test(metric)) return;
  throw new ExpressionError(
    literal.at,
    `${metric} is no ratio, so ${literal.value}% mixes units; write the limit as a number`,
  );
}

/** The metric whose unit the value has; null when that takes more than looking at its name. */
function plainMetric(value: ValueExpression): string | null {
  switch (value.kind) {
    case 'selector':
      return value.metric;
    case 'call': {
      const [only] = value.args;
      const isSame = SAME_UNIT.includes(value.function) && only !== undefined;
      return isSame ? plainMetric(only) : null;
    }
    case 'aggregate':
      return SAME_UNIT.includes(value.op) ? plainMetric(value.operand) : null;
    case 'number':
    case 'negate':
    case 'arithmetic':
    case 'compare':
    case 'set':
      return null;
  }
}
