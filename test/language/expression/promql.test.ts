import fc from 'fast-check';
import { printValue } from '../../../domain/policy/print';
import { parseValue } from '../../../language/expression/parser';
import { plainValues } from '../../support/conditions';

// Its types say that it is an ES module only, which cannot be imported at the head of this file.
const grammar = import('@prometheus-io/lezer-promql');
let parser: Awaited<typeof grammar>['parser'];

beforeAll(async () => {
  ({ parser } = await grammar);
});

/** Whether the grammar of Prometheus's own editor reads it without an error. */
function isPromql(text: string): boolean {
  let isSound = true;
  parser.parse(text).iterate({
    enter: ({ type }) => {
      if (type.isError) isSound = false;
    },
  });
  return isSound;
}

test('what we print is PromQL', () => {
  fc.assert(
    fc.property(plainValues, (value) => {
      const text = printValue(value);
      if (!isPromql(text)) throw new Error(text);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  'up',
  'up{job="a",host!=\'b\',}',
  'up{job=~"a.*",host!~`b|c`}',
  'rate(x[5m])',
  'rate(x[1h30m] offset 1w)',
  'x offset -5m',
  'sum by (a, b) (x)',
  'SUM(x) WITHOUT (a)',
  'sum by () (x)',
  'topk(3, x)',
  'quantile(0.9, rate(x[5m]))',
  '-1 ^ 2',
  'a ^ -b ^ c',
  'a > bool 1',
  'a > b > c',
  'a and b or c unless d',
  'a AND b',
  '1 + 2',
  'a % 5',
  '0x1f + 1e3 + .5',
  '-Inf + NaN',
  'x > 5m',
  'rate(x[300])',
  'clamp_max(x, 5) # at most',
  'sum + rate',
])('Prometheus and we read "%s"', (text) => {
  expect([isPromql(text), parseValue(text).ok]).toEqual([true, true]);
});

test.each([
  '',
  'a b',
  'a >',
  '(a',
  'a)',
  'a = 1',
  'a =~ "b"',
  'x{a}b',
  'x{a=}',
  'x[5m',
  'x[]',
  'sum by a (x)',
  'a && b',
  '5 5',
  '80%',
  'a for 5m',
  'x increasing for 5m',
  'x is missing',
  'NOT a > 1 2',
])('Prometheus and we refuse "%s"', (text) => {
  expect([isPromql(text), parseValue(text).ok]).toEqual([false, false]);
});

test.each([
  ['it is not supported yet', 'x[1h:5m]'],
  ['it is not supported yet', 'a / on (host) b'],
  ['it is not supported yet', 'a * ignoring (x) group_left (y) b'],
  ['it is not supported yet', 'x @ 1700000000'],
  ['it is not supported yet', 'histogram_quantile(0.9, x)'],
  ['it is not supported yet', 'label_replace(x, "a", "b", "c", "d")'],
  ['it is not supported yet', 'count_values("a", x)'],
  ['it is not supported yet', '{"a.metric"}'],
  ['it is not supported yet', 'a atan2 b'],
  ['a selector must name its metric', '{job="a"}'],
  ['a text is no value', '"a"'],
  ['a range alone is no value', 'x[5m]'],
  ['we forbid the words of our own language as metrics', 'not'],
  ['Prometheus reads it as octal, which no author means', '010'],
  ['their grammar leaves types to a later step', 'rate(x)'],
  ['their grammar leaves types to a later step', 'abs(1, 2)'],
  ['their grammar leaves types to a later step', '1 > 2'],
  ['their grammar leaves types to a later step', 'a and 1'],
  ['their grammar leaves types to a later step', '(a)[5m]'],
  ['their grammar leaves regular expressions to a later step', 'x{a=~"("}'],
  ['it is not supported yet', '1_000'],
])('because %s, only its grammar reads "%s"', (_reason, text) => {
  expect([isPromql(text), parseValue(text).ok]).toEqual([true, false]);
});

test.each([
  ['the word may be a metric where its place says so', 'bool'],
  ['the word may be a metric where its place says so', 'offset > on'],
  ['the order of units is free', 'rate(x[5m1h])'],
  ['a duration may have a fraction', 'rate(x[1.5h])'],
  ['texts may run over several lines', 'x{a="b\nc"}'],
  ['a number may end in a point', '5. + x'],
])('because %s, only we read "%s"', (_reason, text) => {
  expect([isPromql(text), parseValue(text).ok]).toEqual([false, true]);
});
