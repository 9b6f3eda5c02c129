import { AGGREGATIONS, SIGNATURES } from '../../../domain/policy/functions/signatures';
import {
  explainCondition,
  pointAt,
  renderExplanation,
  type Explanation,
} from '../../../cli/policy/explain';
import { AGGREGATE_WORDS, FUNCTION_WORDS } from '../../../cli/policy/function-words';

const DAY_MS = 86_400_000;

function explained(text: string, language: 'vigil' | 'promql' = 'vigil'): Explanation {
  const result = explainCondition(text, { language, retentionMs: 30 * DAY_MS });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join());
  return result.explanation;
}

function wordsOf(text: string, language?: 'promql'): string[] {
  const lines = renderExplanation(explained(text, language));
  const first = lines.findIndex((line) => line.startsWith('reads as'));
  const last = lines.findIndex((line) => line.startsWith('fires'));
  return lines.slice(first, last).map((line) => line.slice('reads as    '.length));
}

const OWN = "of the policy's target alone";
const NAMED = "of whichever resources of the target's namespace its labels name";
const NEWEST = 'the newest sample, at most 5m old';

describe('the outline', () => {
  test.each<[string, string[]]>([
    [
      'avg_over_time(cpu_usage[2m]) > 80% for 5m',
      [
        'avg_over_time(cpu_usage[2m]) is greater than 80%, which means 0.8: a ratio from 0 to 1',
        '  avg_over_time: the mean of the samples',
        `    cpu_usage[2m]: every sample of the last 2m, ${OWN}`,
      ],
    ],
    [
      'cpu_percent <= 80%',
      [
        'cpu_percent is at most 80%, which means 80: its metrics end in _percent',
        `  cpu_percent: ${NEWEST}, ${OWN}`,
      ],
    ],
    [
      'draining OR NOT (up{host="a", job=~"api|web"} == 0 for 3 attempts) OR a != 1',
      [
        'one of these is true',
        '  draining is anything but 0',
        `    draining: ${NEWEST}, ${OWN}`,
        '  this is false',
        '    this is true of each of the newest 3 samples, per label set',
        '      up{host="a",job=~"api|web"} equals 0',
        `        up{host="a",job=~"api|web"}: ${NEWEST}, ${NAMED}`,
        '          label host is "a"',
        '          the whole of label job matches the regular expression "api|web"',
        '  a does not equal 1',
        `    a: ${NEWEST}, ${OWN}`,
      ],
    ],
    [
      '(free decreasing for 1h) AND (beat{job!="",zone!~"x"} is missing for 2m for 10m)',
      [
        'all of these are true',
        '  free falls over the last 1h, as the means of ten equal buckets say; unknown with fewer than ten samples, or when they cover less than 80 % of it',
        `    free: every sample of that time, ${OWN}`,
        '  this has been true for 10m, per label set',
        '    a series of beat that was seen has had no sample for 2m',
        `      beat{job!="",zone!~"x"}: every series that was seen, ${OWN}`,
        '        label job is there',
        '        the whole of label zone does not match the regular expression "x"',
      ],
    ],
    [
      'topk(3, sum by (host) (x offset 1h)) - count(y > 2) >= -1',
      [
        'topk(3, sum by (host) (x offset 1h)) - count(y > 2) is at least -1',
        '  topk(3, sum by (host) (x offset 1h)) - count(y > 2): calculated label set by label set',
        '    topk: the largest, so many of them, with their labels, of all label sets together',
        '      3',
        '      sum: the sum, per host',
        `        x offset 1h: the newest sample as of 1h ago, at most 5m old, ${OWN}`,
        '    count: how many there are, of all label sets together',
        '      only the values where y is greater than 2',
        `        y: ${NEWEST}, ${OWN}`,
      ],
    ],
  ])('%s', (text, lines) => {
    expect(wordsOf(text)).toEqual(lines);
  });

  test('of PromQL', () => {
    expect(wordsOf('a unless rate(b[300]) > 5 for 5m', 'promql')).toEqual([
      'a label set is in the result of this PromQL',
      '  the label sets of the first that are not in the second',
      `    a: ${NEWEST}, ${OWN}`,
      '    only the values where rate(b[5m]) is greater than 5',
      '      rate: how fast a counter rises per second, resets considered',
      `        b[5m]: every sample of the last 5m, ${OWN}`,
    ]);
  });
});

test.each<[string, Partial<Explanation>]>([
  ['a>1  for 300s', { canonical: 'a > 1 for 5m', lookbackMs: 600_000, findings: [] }],
  ['a > 1', { fires: 'as soon as it is true' }],
  ['a > 1 for 90s', { fires: 'once it has been true for 90s without a break' }],
  ['vector(time()) > 3', { noData: 'it needs none', reads: [] }],
  ['a > 1 for 3 attempts', { lookbackMs: 660_000 }],
  [
    'a > b{service="db"}',
    {
      reads: [
        { selector: 'a', whose: 'target' },
        { selector: 'b{service="db"}', whose: 'named' },
      ],
    },
  ],
  [
    'cpu > 150%',
    { findings: [{ severity: 'error', at: 0, message: 'never holds: cpu is never above 1.5' }] },
  ],
  [
    'errors_total > 5',
    { findings: [expect.objectContaining({ severity: 'warning', at: 0 }) as never] },
  ],
  ['avg_over_time(x[40d]) > 1', { findings: [expect.objectContaining({ at: 0 }) as never] }],
])('%s', (text, expected) => {
  expect(explained(text)).toMatchObject(expected);
});

test.each([
  ['x > 1', 'vigil', /^unknown/],
  ['x > 1', 'promql', /^false/],
  ['x is missing', 'vigil', /^what is missing and absent ask for.*received at all$/],
  ['x is missing OR y > 1', 'vigil', /received at all; elsewhere unknown/],
] as const)('no data: %s (%s)', (text, language, words) => {
  expect(explained(text, language).noData).toMatch(words);
});

test('every function and aggregation has its words', () => {
  expect(Object.keys(FUNCTION_WORDS).sort()).toEqual(Object.keys(SIGNATURES).sort());
  expect(Object.keys(AGGREGATE_WORDS).sort()).toEqual(Object.keys(AGGREGATIONS).sort());
});

test.each([
  ['a >> 1', 3, 'a >> 1\n   ^ x'],
  ['a > 1\n\tAND b >> 2', 15, '\tAND b >> 2\n\t        ^ x'],
  ['a ==', 4, 'a ==\n    ^ x'],
])('the caret stands below the place, in its line: %j', (text, at, lines) => {
  expect(pointAt(text)({ at, message: 'x' })).toBe(lines);
});
