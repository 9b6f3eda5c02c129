import fc from 'fast-check';
import type {
  AggregateOperator,
  Matcher,
  Selector,
  ValueExpression,
} from '../../domain/policy/ast';
import { AGGREGATIONS, SIGNATURES } from '../../domain/policy/functions/signatures';

type Arb = fc.Arbitrary<ValueExpression>;

const at = fc.constant(0);

export const METRICS = ['requests', 'load', 'temp', 'up'] as const;

const METRIC = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...METRICS) },
  { weight: 1, arbitrary: fc.constant('never_seen') },
);

const EXACT = fc.record({
  label: fc.constantFrom('host', 'job', 'zone'),
  op: fc.constantFrom('=' as const, '!=' as const),
  value: fc.constantFrom('h1', 'h2', 'x', 'y', '', 'nobody'),
});

const REGEX = fc.record({
  label: fc.constantFrom('host', 'job', 'zone'),
  op: fc.constantFrom('=~' as const, '!~' as const),
  value: fc.constantFrom(
    'h.*',
    'h1|h2',
    '',
    '.+',
    '.*',
    'x?',
    'h[13]',
    '[^h]',
    '(?i)H2',
    'h',
    'y$',
  ),
});

const MATCHERS = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Matcher[]>([]) },
  { weight: 2, arbitrary: fc.array(EXACT, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(EXACT, REGEX), { minLength: 1, maxLength: 2 }) },
);

const RANGE_MS = fc.constantFrom(
  ...[1000, 10_000, 15_000, 30_000, 45_000, 60_000, 90_000, 120_000, 120_000, 150_000, 150_000],
  ...[299_999, 300_000, 300_000, 300_000, 300_001, 600_000, 600_000, 3_600_000],
);

const OFFSET_MS = fc.oneof(
  { weight: 5, arbitrary: fc.constant(null) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 1, 10_000, 15_000, 37_500, 60_000, 300_000, -60_000, -1),
  },
);

function selector(rangeMs: fc.Arbitrary<number | null>): fc.Arbitrary<Selector> {
  return fc
    .tuple(METRIC, MATCHERS, rangeMs, OFFSET_MS)
    .map(([metric, matchers, range, offset]) => ({
      kind: 'selector',
      at: 0,
      metric,
      matchers,
      ...(range === null ? {} : { rangeMs: range }),
      ...(offset === null ? {} : { offsetMs: offset }),
    }));
}

const INSTANT: Arb = selector(fc.constant(null));
const RANGE: Arb = selector(RANGE_MS);

const NUMBER: Arb = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('number' as const),
      at,
      value: fc.constantFrom(
        ...[0, 1, 2, 3, 10, 100, 0.5, 0.1, 2.5, 0.9, 0.25, 1e3, 60],
        ...[1e300, 1e-300, 7.3, 1.5],
      ),
      isPercent: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('number' as const),
      at,
      value: fc.constant(0),
      isPercent: fc.constant(false),
      special: fc.constantFrom('Inf' as const, 'NaN' as const),
    }),
  },
);

const ARITHMETIC = fc.constantFrom(...(['+', '-', '*', '/', '%', '^'] as const));
const COMPARISON = fc.constantFrom(...(['>', '>=', '<', '<=', '==', '!='] as const));
const SET = fc.constantFrom(...(['and', 'or', 'unless'] as const));

function arithmetic(left: Arb, right: Arb): Arb {
  return fc.record({ kind: fc.constant('arithmetic' as const), at, op: ARITHMETIC, left, right });
}

function compare(left: Arb, right: Arb, isBool: boolean): Arb {
  return fc
    .record({ kind: fc.constant('compare' as const), at, op: COMPARISON, left, right })
    .map((node) => (isBool ? { ...node, isBool: true as const } : node));
}

/** Not of 0: the parser reads `-0` as 0. */
function negate(operand: Arb): Arb {
  const other = operand.filter(
    (node) => node.kind !== 'number' || node.value !== 0 || node.special !== undefined,
  );
  return fc.record({ kind: fc.constant('negate' as const), at, operand: other });
}

function set(side: Arb): Arb {
  return fc.record({ kind: fc.constant('set' as const), at, op: SET, left: side, right: side });
}

const byDepth = new Map<string, Arb>();

function memo(key: string, make: () => Arb): Arb {
  const known = byDepth.get(key) ?? make();
  byDepth.set(key, known);
  return known;
}

/** A well-typed expression whose value is one number. */
export function scalars(depth: number): Arb {
  return memo(`s${depth}`, () => {
    if (depth <= 0) return NUMBER;
    const below = scalars(depth - 1);
    return fc.oneof(
      { weight: 6, arbitrary: NUMBER },
      { weight: 1, arbitrary: call('time', []) },
      { weight: 2, arbitrary: call('scalar', [vectors(depth - 1)]) },
      { weight: 1, arbitrary: arithmetic(below, below) },
      { weight: 1, arbitrary: compare(below, below, true) },
      { weight: 1, arbitrary: negate(below) },
    );
  });
}

/** A well-typed expression whose value is a number per label set. */
export function vectors(depth: number): Arb {
  return memo(`v${depth}`, () => {
    if (depth <= 0) {
      const range = fc.oneof(...calls(0, 'range'));
      return fc.oneof({ weight: 2, arbitrary: INSTANT }, { weight: 3, arbitrary: range });
    }
    const [vector, scalar] = [vectors(depth - 1), scalars(depth - 1)];
    return fc.oneof(
      { weight: 3, arbitrary: INSTANT },
      { weight: 8, arbitrary: fc.oneof(...calls(depth, 'range')) },
      { weight: 4, arbitrary: fc.oneof(...calls(depth, 'vector')) },
      { weight: 1, arbitrary: call('vector', [scalar]) },
      { weight: 6, arbitrary: fc.oneof(...aggregates(depth)) },
      { weight: 1, arbitrary: negate(vector) },
      { weight: 4, arbitrary: mixed(depth, arithmetic) },
      { weight: 3, arbitrary: mixed(depth, (l, r) => compare(l, r, false)) },
      { weight: 2, arbitrary: mixed(depth, (l, r) => compare(l, r, true)) },
      { weight: 3, arbitrary: set(vector) },
    );
  });
}

function mixed(depth: number, make: (left: Arb, right: Arb) => Arb): Arb {
  const [vector, scalar] = [vectors(depth - 1), scalars(depth - 1)];
  return fc.oneof(make(vector, vector), make(vector, scalar), make(scalar, vector));
}

function call(name: string, args: Arb[]): Arb {
  return fc.record({
    kind: fc.constant('call' as const),
    at,
    function: fc.constant(name),
    args: fc.tuple(...args),
  });
}

/** A call of each function that takes a parameter of that type and gives a vector. */
function calls(depth: number, type: 'range' | 'vector'): Arb[] {
  return Object.entries(SIGNATURES)
    .filter(([, { params, result }]) => result === 'vector' && params.includes(type))
    .flatMap(([name, { params, optional }]) => {
      const args = params.map((param) => {
        if (param === 'range') return RANGE;
        return param === 'vector' ? vectors(depth - 1) : scalars(Math.min(1, depth - 1));
      });
      const counts = Array.from({ length: optional + 1 }, (_none, i) => args.length - i);
      return counts.map((count) => call(name, args.slice(0, count)));
    });
}

const PARAMETERS: Partial<Record<AggregateOperator, fc.Arbitrary<number>>> = {
  topk: fc.constantFrom(0, 1, 2, 3, 2.5),
  bottomk: fc.constantFrom(0, 1, 2, 3, 2.5),
  quantile: fc.constantFrom(0, 0.25, 0.5, 0.9, 0.99, 1, 1.5, -0.5),
};

function aggregates(depth: number): Arb[] {
  const grouping = fc.option(
    fc.record({
      mode: fc.constantFrom('by' as const, 'without' as const),
      labels: fc.constantFrom<string[]>(['host'], ['job'], ['host', 'job'], ['zone'], []),
    }),
    { nil: undefined, freq: 2 },
  );
  return (Object.keys(AGGREGATIONS) as AggregateOperator[]).map((op) => {
    const literal = PARAMETERS[op]?.map(literalOf);
    const parameter =
      literal === undefined
        ? fc.constant(undefined)
        : fc.oneof({ weight: 8, arbitrary: literal }, { weight: 1, arbitrary: scalars(depth - 1) });
    return fc
      .tuple(vectors(depth - 1), grouping, parameter)
      .map(([operand, groups, scalar]): ValueExpression => ({
        kind: 'aggregate',
        at: 0,
        op,
        operand,
        ...(scalar === undefined ? {} : { parameter: scalar }),
        ...(groups === undefined ? {} : { grouping: groups }),
      }));
  });
}

function literalOf(value: number): ValueExpression {
  const size: ValueExpression = { kind: 'number', at: 0, value: Math.abs(value), isPercent: false };
  return value < 0 ? { kind: 'negate', at: 0, operand: size } : size;
}

/** Any value, mostly vectors, of every depth up to that one. */
export const VALUES: Arb = fc.oneof(
  { weight: 3, arbitrary: vectors(1) },
  { weight: 4, arbitrary: vectors(2) },
  { weight: 3, arbitrary: vectors(3) },
  { weight: 1, arbitrary: scalars(2) },
);

export interface OracleRule {
  expression: ValueExpression;
  forMs: number;
  keepFiringMs: number;
}

/** What rules are mostly made of: a comparison that filters. */
export const RULES: fc.Arbitrary<OracleRule> = fc.record({
  expression: fc
    .oneof(
      { weight: 4, arbitrary: compare(vectors(1), NUMBER, false) },
      { weight: 1, arbitrary: compare(vectors(1), vectors(1), false) },
      { weight: 2, arbitrary: set(compare(vectors(1), NUMBER, false)) },
      { weight: 1, arbitrary: call('absent', [INSTANT]) },
      { weight: 1, arbitrary: call('absent_over_time', [RANGE]) },
      { weight: 3, arbitrary: vectors(2) },
    )
    .filter((expression) => !looksAhead(expression)),
  forMs: fc.constantFrom(0, 0, 15_000, 30_000, 45_000, 60_000, 90_000, 120_000, 300_000, 1),
  keepFiringMs: fc.constantFrom(0, 0, 0, 15_000, 30_000, 60_000, 75_000, 180_000, 1),
});

/** A rule sees what had come when it was evaluated: a negative offset reads nothing that is certain. */
function looksAhead(node: ValueExpression): boolean {
  return JSON.stringify(node).includes('"offsetMs":-');
}
