import fc from 'fast-check';
import { RE2JS } from 're2js';
import type {
  Aggregate,
  AggregateOperator,
  Call,
  Condition,
  ConditionLanguage,
  Expression,
  NumberLiteral,
  Selector,
  ValueExpression,
} from '../../domain/policy/ast';
import { AGGREGATIONS, SIGNATURES, type ValueType } from '../../domain/policy/functions/signatures';
import { parseCondition, parseValue } from '../../language/expression/parser';
import { refuseMixedUnits } from '../../language/expression/units';
import { anyText } from './texts';

/** The condition a text stands for; a text that does not parse fails the test. */
export function condition(text: string, language: ConditionLanguage = 'vigil'): Condition {
  const parsed = parseCondition(text, { language });
  if (!parsed.ok) throw new Error(`${text}: ${JSON.stringify(parsed.problems)}`);
  return parsed.condition;
}

/** The PromQL value a text stands for; a text that does not parse fails the test. */
export function valueOf(text: string): ValueExpression {
  const parsed = parseValue(text);
  if (!parsed.ok) throw new Error(`${text}: ${JSON.stringify(parsed.problems)}`);
  return parsed.expression;
}

/** Names that mean the same to every reader of PromQL. */
const PLAIN = ['m', 'http_up', 'cpu_usage', 'disk_percent', 'ns:rule', 'attempts'];
/** Names that are also words, which only their place tells apart. */
const CONTEXTUAL = [
  ...['is', 'missing', 'increasing', 'Decreasing', 'sum', 'rate', 'time', 'by', 'WITHOUT'],
  ...['bool', 'Bool', 'offset', 'on', 'inform', 'e5', 'x'],
];

const LABELS = ['a', 'mount', '_x1', 'for', 'and', 'by', 'offset'];

const at = fc.constant(0);
const word = <T extends string>(...words: T[]): fc.Arbitrary<T> => fc.constantFrom(...words);
const durations = fc.integer({ min: 1, max: 31_000_000_000 });

const patterns = fc.oneof(
  anyText.map((text) => RE2JS.quote(text)),
  word('a|b', '', '.*', '[^x]+\\d{2}', '(?i:web-)\\w+', '\\pL'),
);

const matchers = fc.oneof(
  fc.record({ label: word(...LABELS), op: word('=', '!='), value: anyText }),
  fc.record({ label: word(...LABELS), op: word('=~', '!~'), value: patterns }),
);

interface Vocabulary {
  metrics: readonly string[];
  /** Whether numbers may be percentages, which only a condition gives a meaning. */
  hasPercents: boolean;
  /** Whether selectors may look into the future, which only tests of rules do. */
  hasFuture: boolean;
}

function selectorsOf(type: 'vector' | 'range', words: Vocabulary): fc.Arbitrary<Selector> {
  const offsets = words.hasFuture
    ? fc.oneof(
        durations,
        durations.map((ms) => -ms),
      )
    : durations;
  return fc
    .record({
      kind: fc.constant('selector' as const),
      at,
      metric: word(...words.metrics),
      matchers: fc.array(matchers, { maxLength: 2 }),
      ...(type === 'range' ? { rangeMs: durations } : {}),
    })
    .chain((selector) =>
      fc
        .option(offsets, { nil: undefined, freq: 3 })
        .map((offsetMs) => (offsetMs === undefined ? selector : { ...selector, offsetMs })),
    );
}

function numbersOf({ hasPercents }: Vocabulary): fc.Arbitrary<NumberLiteral> {
  const kind = fc.constant('number' as const);
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind, at, value: finite, isPercent: percents(hasPercents) }),
    },
    fc.record({
      ...{ kind, at, value: fc.constant(0), isPercent: fc.constant(false) },
      special: word('Inf', 'NaN'),
    }),
  );
}

const finite = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
);

function percents(hasPercents: boolean): fc.Arbitrary<boolean> {
  return hasPercents ? fc.boolean() : fc.constant(false);
}

type Values = Record<ValueType, ValueExpression>;
type Tie = (key: ValueType) => fc.Arbitrary<ValueExpression>;

/** Every well-typed value of PromQL's expression core. */
function valuesOf(words: Vocabulary): { [K in ValueType]: fc.Arbitrary<Values[K]> } {
  const depth = { maxDepth: 4, depthSize: 'small', withCrossShrink: true } as const;
  return fc.letrec<Values>((tie) => ({
    range: selectorsOf('range', words),
    vector: fc.oneof(
      depth,
      selectorsOf('vector', words),
      calls('vector', tie),
      aggregates(tie),
      negated(tie('vector')),
      binary('arithmetic', tie, word('+', '-', '*', '/', '%', '^')),
      binary('compare', tie, word('>', '>=', '<', '<=', '==', '!=')),
      binary('bool', tie, word('>', '>=', '<', '<=', '==', '!=')),
      fc.record({
        ...{ kind: fc.constant('set' as const), at, op: word('and', 'or', 'unless') },
        ...{ left: tie('vector'), right: tie('vector') },
      }),
    ),
    scalar: fc.oneof(
      depth,
      numbersOf(words),
      calls('scalar', tie),
      negated(tie('scalar')),
      fc.record({
        ...{ kind: fc.constant('arithmetic' as const), at, op: word('+', '-', '*', '/', '%', '^') },
        ...{ left: tie('scalar'), right: tie('scalar') },
      }),
      fc.record({
        ...{
          kind: fc.constant('compare' as const),
          at,
          op: word('>', '==', '<='),
          isBool: fc.constant(true as const),
        },
        ...{ left: tie('scalar'), right: tie('scalar') },
      }),
    ),
  }));
}

/** A sign before a literal belongs to the literal, so that tree is never read. */
function negated(operand: fc.Arbitrary<ValueExpression>): fc.Arbitrary<ValueExpression> {
  return fc
    .record({ kind: fc.constant('negate' as const), at, operand })
    .filter(({ operand: inner }) => inner.kind !== 'number' || inner.special !== undefined);
}

function binary(
  kind: 'arithmetic' | 'compare' | 'bool',
  tie: Tie,
  op: fc.Arbitrary<string>,
): fc.Arbitrary<ValueExpression> {
  const sides = fc.oneof(
    fc.record({ left: tie('vector'), right: tie('scalar') }),
    fc.record({ left: tie('scalar'), right: tie('vector') }),
    fc.record({ left: tie('vector'), right: tie('vector') }),
  );
  return fc.tuple(op, sides).map(
    ([one, both]) =>
      ({
        kind: kind === 'bool' ? 'compare' : kind,
        ...{ at: 0, op: one, ...both },
        ...(kind === 'bool' ? { isBool: true } : {}),
      }) as ValueExpression,
  );
}

function calls(result: 'vector' | 'scalar', tie: Tie): fc.Arbitrary<Call> {
  const known = Object.entries(SIGNATURES).filter(([, signature]) => signature.result === result);
  return fc
    .constantFrom(...known)
    .chain(([name, { params, optional }]) =>
      fc
        .integer({ min: params.length - optional, max: params.length })
        .chain((count) =>
          fc
            .tuple(...params.slice(0, count).map((type) => tie(type)))
            .map((args): Call => ({ kind: 'call', at: 0, function: name, args })),
        ),
    );
}

function aggregates(tie: Tie): fc.Arbitrary<Aggregate> {
  const grouping = fc.option(
    fc.record({ mode: word('by', 'without'), labels: fc.array(word(...LABELS), { maxLength: 2 }) }),
    { nil: undefined },
  );
  const ops = Object.keys(AGGREGATIONS) as AggregateOperator[];
  return fc
    .tuple(word(...ops), tie('vector'), tie('scalar'), grouping)
    .map(([op, operand, parameter, groups]) => ({
      ...{ kind: 'aggregate', at: 0, op, operand },
      ...(AGGREGATIONS[op] ? { parameter } : {}),
      ...(groups === undefined ? {} : { grouping: groups }),
    }));
}

const ALL = [...PLAIN, ...CONTEXTUAL];
const rules = valuesOf({ metrics: ALL, hasPercents: false, hasFuture: true });
const present = valuesOf({ metrics: ALL, hasPercents: false, hasFuture: false });
const tested = valuesOf({ metrics: ALL, hasPercents: true, hasFuture: false });

/** Metrics without labels' questions: any selector of a single value per series. */
export const selectors: fc.Arbitrary<Selector> = selectorsOf('vector', {
  metrics: ALL,
  hasPercents: false,
  hasFuture: false,
});

/** Any PromQL value: a vector or a scalar. */
export const values: fc.Arbitrary<ValueExpression> = fc.oneof(rules.vector, rules.scalar);

/** Values whose metrics have names that are no words of PromQL. */
export const plainValues: fc.Arbitrary<ValueExpression> = valuesOf({
  metrics: PLAIN,
  hasPercents: false,
  hasFuture: true,
}).vector;

/** Conditions of `language: promql`. */
export const presentExpressions: fc.Arbitrary<Expression> = fc.record({
  kind: fc.constant('present' as const),
  at,
  operand: present.vector,
});

function hasOneUnit(test: Expression): boolean {
  try {
    refuseMixedUnits(test);
    return true;
  } catch {
    return false;
  }
}

const comparisons: fc.Arbitrary<Expression> = fc
  .tuple(
    word('>', '>=', '<', '<=', '==', '!='),
    fc.oneof(
      fc.tuple(tested.vector, tested.scalar),
      fc.tuple(tested.scalar, tested.vector),
      fc.tuple(tested.vector, tested.vector),
    ),
  )
  .map(([op, [left, right]]): Expression => ({ kind: 'compare', at: 0, op, left, right }))
  .filter(hasOneUnit);

const truthy: fc.Arbitrary<Expression> = fc
  .record({ kind: fc.constant('truthy' as const), at, operand: tested.vector })
  .filter(hasOneUnit);

/** Any expression that Vigil's own language can write. */
export const expressions: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => {
  const operand = tie('any');
  return {
    any: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      comparisons,
      truthy,
      fc.record({
        ...{ kind: fc.constant('trend' as const), at, operand: selectors },
        ...{ direction: word('increasing', 'decreasing'), durationMs: durations },
      }),
      fc.record({
        ...{ kind: fc.constant('missing' as const), at, operand: selectors },
        durationMs: fc.oneof(durations, fc.constant(300_000)),
      }),
      fc.record({ kind: fc.constant('and' as const), at, left: operand, right: operand }),
      fc.record({ kind: fc.constant('or' as const), at, left: operand, right: operand }),
      fc.record({ kind: fc.constant('not' as const), at, operand }),
      fc.record({ kind: fc.constant('for' as const), at, operand, durationMs: durations }),
      fc.record({
        ...{ kind: fc.constant('forAttempts' as const), at, operand },
        attempts: fc.integer({ min: 1, max: 1000 }),
      }),
    ),
  };
}).any;
