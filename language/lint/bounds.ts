import type {
  Aggregate,
  Arithmetic,
  Call,
  Compare,
  ValueExpression,
} from '../../domain/policy/ast';
import { numberOf } from '../../domain/policy/value/compile';

/** The values that are possible, both ends included. */
export interface Bounds {
  min: number;
  max: number;
}

const ANY: Bounds = { min: -Infinity, max: Infinity };
const NOT_NEGATIVE: Bounds = { min: 0, max: Infinity };
const AT_LEAST_ONE: Bounds = { min: 1, max: Infinity };
const ONE: Bounds = { min: 1, max: 1 };
const YES_OR_NO: Bounds = { min: 0, max: 1 };

/** What names promise: Vigil's own and Prometheus' health metrics, and counters. Other names promise nothing. */
const BY_NAME: readonly (readonly [RegExp, Bounds])[] = [
  [/^(http_|process_)?up$/, YES_OR_NO],
  [/_total$/, NOT_NEGATIVE],
];

const CALLS: Readonly<Record<string, Bounds>> = {
  absent: ONE,
  absent_over_time: ONE,
  abs: NOT_NEGATIVE,
  changes: NOT_NEGATIVE,
  count_over_time: AT_LEAST_ONE,
  exp: NOT_NEGATIVE,
  increase: NOT_NEGATIVE,
  irate: NOT_NEGATIVE,
  present_over_time: ONE,
  rate: NOT_NEGATIVE,
  resets: NOT_NEGATIVE,
  sgn: { min: -1, max: 1 },
  sqrt: NOT_NEGATIVE,
  stddev_over_time: NOT_NEGATIVE,
  stdvar_over_time: NOT_NEGATIVE,
  time: NOT_NEGATIVE,
  timestamp: NOT_NEGATIVE,
};

/** Functions whose values lie between those of their argument. */
const BETWEEN: ReadonlySet<string> = new Set([
  'avg_over_time',
  'last_over_time',
  'max_over_time',
  'min_over_time',
  'quantile_over_time',
  'scalar',
  'vector',
]);

/** What an expression can be, whatever the samples: an error is only reported for what no sample can change. */
export function boundsOf(value: ValueExpression, percentScale: number): Bounds {
  switch (value.kind) {
    case 'number':
      return exactly(numberOf(value, percentScale));
    case 'selector':
      return BY_NAME.find(([pattern]) => pattern.test(value.metric))?.[1] ?? ANY;
    case 'call':
      return callBounds(value, percentScale);
    case 'aggregate':
      return aggregateBounds(value, percentScale);
    case 'negate': {
      const { min, max } = boundsOf(value.operand, percentScale);
      return { min: -max, max: -min };
    }
    case 'arithmetic':
      return arithmeticBounds(value, percentScale);
    case 'compare':
      return compareBounds(value, percentScale);
    case 'set': {
      const left = boundsOf(value.left, percentScale);
      return value.op === 'or' ? hull(left, boundsOf(value.right, percentScale)) : left;
    }
  }
}

function exactly(value: number): Bounds {
  return Number.isNaN(value) ? ANY : { min: value, max: value };
}

function callBounds(call: Call, percentScale: number): Bounds {
  const args = call.args.map((arg) => boundsOf(arg, percentScale));
  const [first = ANY, low = ANY, high = ANY] = args;
  switch (call.function) {
    case 'clamp':
      return { min: low.min, max: high.max };
    case 'clamp_min':
      return { min: Math.max(first.min, low.min), max: Math.max(first.max, low.max) };
    case 'clamp_max':
      return { min: Math.min(first.min, low.min), max: Math.min(first.max, low.max) };
    case 'quantile_over_time':
      return ANY;
    default:
      return BETWEEN.has(call.function) ? first : (CALLS[call.function] ?? ANY);
  }
}

const AGGREGATES: Readonly<Partial<Record<Aggregate['op'], Bounds>>> = {
  count: AT_LEAST_ONE,
  group: ONE,
  stddev: NOT_NEGATIVE,
  stdvar: NOT_NEGATIVE,
  quantile: ANY,
};

function aggregateBounds({ op, operand }: Aggregate, percentScale: number): Bounds {
  const fixed = AGGREGATES[op];
  if (fixed !== undefined) return fixed;
  const own = boundsOf(operand, percentScale);
  if (op !== 'sum') return own;
  return own.min >= 0 ? NOT_NEGATIVE : ANY;
}

function arithmeticBounds({ op, left, right }: Arithmetic, percentScale: number): Bounds {
  const a = boundsOf(left, percentScale);
  const b = boundsOf(right, percentScale);
  switch (op) {
    case '+':
      return defined({ min: a.min + b.min, max: a.max + b.max });
    case '-':
      return defined({ min: a.min - b.max, max: a.max - b.min });
    case '*':
    case '/':
      return a.min >= 0 && b.min >= 0 ? NOT_NEGATIVE : ANY;
    case '%':
    case '^':
      return ANY;
  }
}

/** A filter keeps the value of the vector, which may stand on the right. */
function compareBounds({ left, right, isBool }: Compare, percentScale: number): Bounds {
  if (isBool === true) return YES_OR_NO;
  return left.kind === 'number' ? boundsOf(right, percentScale) : boundsOf(left, percentScale);
}

function hull(a: Bounds, b: Bounds): Bounds {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

function defined({ min, max }: Bounds): Bounds {
  return { min: Number.isNaN(min) ? -Infinity : min, max: Number.isNaN(max) ? Infinity : max };
}
