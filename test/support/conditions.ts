import fc from 'fast-check';
import type { Condition, Expression, Selector, ValueExpression } from '../../domain/policy/ast';
import { parseCondition } from '../../language/expression/parser';

/** The condition a text stands for; a text that does not parse fails the test. */
export function condition(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(`${text}: ${JSON.stringify(parsed.problems)}`);
  return parsed.condition;
}

const metric = fc.constantFrom('m', 'http_up', 'cpu_usage', 'disk_percent', 'ns:rule', 'attempts');

export const selectors: fc.Arbitrary<Selector> = fc.record({
  kind: fc.constant('selector' as const),
  at: fc.constant(0),
  metric,
  matchers: fc.array(
    fc.record({
      label: fc.constantFrom('a', 'mount', '_x1'),
      op: fc.constantFrom('=' as const, '!=' as const),
      value: fc.string({ unit: 'binary' }),
    }),
    { maxLength: 2 },
  ),
});

const numbers: fc.Arbitrary<ValueExpression> = fc.record({
  kind: fc.constant('number' as const),
  at: fc.constant(0),
  value: fc.oneof(
    fc.integer({ min: -1000, max: 1000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  ),
  isPercent: fc.boolean(),
});

const operator = fc.constantFrom(...(['>', '>=', '<', '<=', '==', '!='] as const));

function comparison(
  left: fc.Arbitrary<ValueExpression>,
  right: fc.Arbitrary<ValueExpression>,
): fc.Arbitrary<Expression> {
  return fc.record({
    kind: fc.constant('compare' as const),
    at: fc.constant(0),
    op: operator,
    left,
    right,
  });
}

/** Any expression that the language can write. */
export const expressions: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => {
  const operand = tie('any');
  const at = fc.constant(0);
  return {
    any: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      comparison(selectors, numbers),
      comparison(numbers, selectors),
      comparison(selectors, selectors),
      fc.record({ kind: fc.constant('truthy' as const), at, operand: selectors }),
      fc.record({ kind: fc.constant('and' as const), at, left: operand, right: operand }),
      fc.record({ kind: fc.constant('or' as const), at, left: operand, right: operand }),
      fc.record({ kind: fc.constant('not' as const), at, operand }),
      fc.record({
        kind: fc.constant('for' as const),
        at,
        operand,
        durationMs: fc.integer({ min: 1, max: 31_000_000_000 }),
      }),
      fc.record({
        kind: fc.constant('forAttempts' as const),
        at,
        operand,
        attempts: fc.integer({ min: 1, max: 1000 }),
      }),
    ),
  };
}).any;
