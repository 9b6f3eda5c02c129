import fc from 'fast-check';
import type { Expression } from '../../../domain/policy/ast';
import { hashExpression, parseCondition } from '../../../language/expression/parser';
import { printExpression } from '../../../language/expression/print';
import { condition, expressions } from '../../support/conditions';

function problemOf(text: string): string {
  const parsed = parseCondition(text);
  return parsed.ok ? 'none' : parsed.problems.map((p) => `${p.at}: ${p.message}`).join('\n');
}

/** With parentheses everywhere, so that precedence shows. */
function shape(expression: Expression): string {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return `(${shape(expression.left)} ${expression.kind} ${shape(expression.right)})`;
    case 'not':
      return `not(${shape(expression.operand)})`;
    case 'for':
      return `for(${shape(expression.operand)}, ${expression.durationMs})`;
    case 'forAttempts':
      return `attempts(${shape(expression.operand)}, ${expression.attempts})`;
    case 'compare':
    case 'truthy':
      return printExpression(expression);
  }
}

test.each([
  ['a > 1 or b > 2 and c', '(a > 1 or (b > 2 and c))'],
  ['a AND b And c', '((a and b) and c)'],
  ['not a and b', '(not(a) and b)'],
  ['NOT NOT a > 1', 'not(not(a > 1))'],
  ['a and (b for 5m)', '(a and for(b, 300000))'],
  ['http_up == 0 for 3 attempts', 'attempts(http_up == 0, 3)'],
  ['a or b for 1 attempt', 'attempts((a or b), 1)'],
  ['a{x="1", y!=\'2\',} >= .5', 'a{x="1",y!="2"} >= 0.5'],
  ['80 % < cpu_usage', '80% < cpu_usage'],
  ['a>-1.5e3', 'a > -1500'],
  ['a == b', 'a == b'],
  ['a{}', 'a'],
  ['a\n  > 1', 'a > 1'],
])('"%s" means %s', (text, expected) => {
  expect(shape(condition(text).expression)).toBe(expected);
});

test.each([
  ['cpu_usage > 80% for 5m', 300_000, 'cpu_usage > 80%'],
  ['(a > 1 for 5m)', 300_000, 'a > 1'],
  ['a and b for 1h30m', 5_400_000, '(a and b)'],
  ['(a for 1s) for 2s', 2000, 'for(a, 1000)'],
  ['(a for 1s) and b', 0, '(for(a, 1000) and b)'],
  ['a for 3 attempts for 1s', 1000, 'attempts(a, 3)'],
])('of "%s", the outermost for is waited for apart', (text, forMs, rest) => {
  const { forMs: given, expression } = condition(text);
  expect([given, shape(expression)]).toEqual([forMs, rest]);
});

test.each([
  ['', '0: the condition is empty'],
  [
    'cpu_usage > 80% fro 5m',
    '16: expected AND, OR, for or the end, found fro; did you mean "for"?',
  ],
  ['avg_over_time(cpu[2m]) > 1', '0: functions like avg_over_time(…) are not supported yet'],
  ['cpu[5m] > 1', '3: unexpected [: ranges like [5m] are not supported yet; write: for 5m'],
  ['a =~ "x"', '2: unexpected =~: regular expressions are not supported yet; write = or !='],
  ['a > 1 && b', '6: unexpected &&: write AND'],
  [
    'a > 1 for 5m and b',
    '13: for covers everything before it; put its part in parentheses: (… for …) AND …',
  ],
  ['a > b > c', '6: one comparison at a time; join two with AND'],
  ['a 5', '2: expected >, >=, <, <=, == or != before 5'],
  ['a = 5', '2: write == to compare'],
  ['a > 5minutes', '4: "5minutes" cannot be read; write 5m'],
  ['a for 5', '6: for 5 needs a unit: for 5s, for 5m, for 5 attempts'],
  ['a for 1.5 attempts', '6: attempts are a whole number from 1 to 1000'],
  ['a for 0s', '6: for needs more than 0'],
  ['for 5m', '0: expected a metric or a number, found for'],
  ['a and', '5: expected a metric or a number, found the end'],
  ['(a', '0: this ( is never closed'],
  ['a)', '1: this ) was never opened'],
  ['5', '0: a number alone is no condition; compare it with a metric'],
  ['a{x="1}', '4: unexpected ": this text has no closing quote'],
  ['a{x=1}', '4: the value of x needs quotes'],
  ['a > 1e999', '4: 1e999 is too large'],
  ['1 > 2', '0: compares two numbers and would always say the same; name a metric'],
  ['80% > 4', '0: mixes a percentage and a number; compare one of them with a metric'],
  [
    'memory_bytes > 80%',
    '15: memory_bytes is no ratio, so 80% mixes units; write the limit as a number',
  ],
  ['a ; b', '2: unexpected character ";"'],
])('"%s" is refused where it goes wrong', (text, expected) => {
  expect(problemOf(text)).toBe(expected);
});

test('printing and parsing again gives the same expression', () => {
  fc.assert(
    fc.property(expressions, (expression) => {
      const text = printExpression(expression);
      const { expression: inner, forMs } = condition(text);
      const whole: Expression =
        forMs === 0 ? inner : { kind: 'for', at: 0, operand: inner, durationMs: forMs };
      expect(hashExpression(whole)).toBe(hashExpression(expression));
      expect(printExpression(whole)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('no text makes the parser throw', () => {
  const words = fc.constantFrom(
    ...[
      'a',
      'AND',
      'or',
      'not',
      'for',
      '5m',
      '3',
      'attempts',
      '(',
      ')',
      '{',
      '}',
      '"',
      '>',
      '=',
      '%',
      '-',
      '\\',
      ',',
    ],
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words).map((all) => all.join(' ')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = parseCondition(text);
      if (parsed.ok) return;
      for (const { at, message } of parsed.problems) {
        expect(at).toBeGreaterThanOrEqual(0);
        expect(at).toBeLessThanOrEqual(text.length);
        expect(message).not.toBe('');
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['parentheses', '('.repeat(9000), /nested deeper than 100 levels/],
  ['negations', 'not '.repeat(2000) + 'a', /nested deeper than 100 levels/],
  ['a chain', 'a and '.repeat(1500) + 'a', /more than 500 parts/],
  ['a text', 'a'.repeat(5_000_000), /longer than 10000 characters/],
])('%s without end is refused quickly', (_name, text, expected) => {
  const started = performance.now();
  expect(problemOf(text)).toMatch(expected);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('the hash ignores spelling and tells meanings apart', () => {
  const hashOf = (text: string): string => condition(text).hash;
  expect(hashOf('a > 1 AND (b)')).toBe(hashOf('a>1 and b'));
  expect(hashOf('a > 1 for 5m')).toBe(hashOf('a > 1 for 10m'));
  expect(hashOf('a > 1')).not.toBe(hashOf('a > 1%'));
  expect(hashOf('(a for 1s) or b')).not.toBe(hashOf('(a for 2s) or b'));
  expect(hashOf('a')).toMatch(/^[0-9a-f]{64}$/);
});
