import fc from 'fast-check';
import type { Expression } from '../../../domain/policy/ast';
import { printExpression, printValue } from '../../../domain/policy/print';
import { hashExpression } from '../../../language/expression/parser';
import {
  condition,
  expressions,
  presentExpressions,
  valueOf,
  values,
} from '../../support/conditions';

function whole(text: string, language?: 'promql'): Expression {
  const { expression, forMs } = condition(text, language);
  if (forMs === 0) return expression;
  return { kind: 'for', at: 0, operand: expression, durationMs: forMs };
}

test('printing and parsing again gives the same condition', () => {
  fc.assert(
    fc.property(expressions, (expression) => {
      const text = printExpression(expression);
      expect(hashExpression(whole(text))).toBe(hashExpression(expression));
      expect(printExpression(whole(text))).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

test('printing and parsing again gives the same PromQL condition', () => {
  fc.assert(
    fc.property(presentExpressions, (expression) => {
      const text = printExpression(expression);
      expect(hashExpression(whole(text, 'promql'))).toBe(hashExpression(expression));
    }),
    { numRuns: 500 },
  );
});

test('printing and parsing again gives the same value', () => {
  fc.assert(
    fc.property(values, (value) => {
      const again = valueOf(printValue(value));
      expect(withoutPositions(again)).toEqual(withoutPositions(value));
    }),
    { numRuns: 1000 },
  );
});

function withoutPositions(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part: unknown) => (key === 'at' ? 0 : part)));
}

test.each([
  ['((a) + (b)) * 2', '(a + b) * 2'],
  ['a - (b - c)', 'a - (b - c)'],
  ['(a - b) - c', 'a - b - c'],
  ['(-1) ^ 2', '(-1) ^ 2'],
  ['-(1 ^ 2)', '-1 ^ 2'],
  ['2 ^ (3 ^ a)', '2 ^ 3 ^ a'],
  ['(2 ^ 3) ^ a', '(2 ^ 3) ^ a'],
  ['a*(-b)', 'a * -b'],
  ['a - (-1)', 'a - -1'],
  ['+a', 'a'],
  ['- -a', '--a'],
  ['SUM(a) BY(x,y)', 'sum by (x, y) (a)'],
  ['(a > 1) > bool 2', 'a > 1 > bool 2'],
  ['a > (b > 1)', 'a > (b > 1)'],
  ['a or (b and c)', 'a or b and c'],
  ["a{x=~'b.*'}[90s] offset 60m", 'a{x=~"b.*"}[90s] offset 1h'],
])('as a value, "%s" is printed as "%s"', (text, expected) => {
  const wrapped = text.includes('[') ? `rate(${text})` : text;
  const printed = text.includes('[') ? `rate(${expected})` : expected;
  expect(printValue(valueOf(wrapped))).toBe(printed);
});

test.each([
  ['(a or b) > 1', '(a or b) > 1'],
  ['(a > 1) > 2', '(a > 1) > 2'],
  ['+(a > 1)', '+(a > 1)'],
  ['a>bool 1', 'a > bool 1'],
  ['80%-3 < x', '80 % -3 < x'],
  ['80% - 3 < x', '80% - 3 < x'],
  ['x is missing for 5m', 'x is missing'],
  ['(x is missing) for 2m', 'x is missing for 5m for 2m'],
  ['x > bool{}', 'x > bool{}'],
])('as a condition, "%s" is printed as "%s"', (text, expected) => {
  expect(printExpression(whole(text))).toBe(expected);
});
