import {
  assess,
  assessElements,
  evaluate,
  nextChangeAt,
  type EvaluationInput,
} from '../../../domain/policy/evaluate';
import { lookbackMs } from '../../../domain/policy/lookback';
import { selectorsOf } from '../../../domain/policy/selectors';
import { matchesSelector, type SeriesWindow } from '../../../domain/policy/series';
import { condition } from '../../support/conditions';

const T0 = 1_700_000_000_000;
const MINUTE = 60_000;

/** A series with one sample every `stepMs` from T0 on; null leaves one out. */
function series(
  name: string,
  values: (number | null)[],
  { stepMs = 1000, tags = {} }: { stepMs?: number; tags?: Record<string, string> } = {},
): SeriesWindow {
  const samples = values.flatMap((value, i) =>
    value === null ? [] : [{ ts: T0 + i * stepMs, value, receivedAt: T0 + i * stepMs }],
  );
  return { name, tags, samples };
}

/** Now is the time of the newest sample, unless it is said. */
function input(windows: SeriesWindow[], more: Partial<EvaluationInput> = {}): EvaluationInput {
  const newest = Math.max(...windows.flatMap(({ samples }) => samples.map(({ ts }) => ts)), T0);
  return { series: windows, now: newest, intervalMs: null, previous: null, ...more };
}

function verdictOf(
  text: string,
  windows: SeriesWindow[],
  more: Partial<EvaluationInput> = {},
): string {
  return evaluate(condition(text), input(windows, more)).verdict;
}

test.each([
  ['m > 5', 5, 'false'],
  ['m > 5', 5.001, 'true'],
  ['m >= 5', 5, 'true'],
  ['m < 5', 5, 'false'],
  ['m <= 5', 5, 'true'],
  ['m == 5', 5, 'true'],
  ['m != 5', 5, 'false'],
  ['5 < m', 6, 'true'],
  ['5 < m', 5, 'false'],
  ['m', 1, 'true'],
  ['m', -0.5, 'true'],
  ['m', 0, 'false'],
  ['not m', 0, 'true'],
  ['m', NaN, 'false'],
  ['m > 5', NaN, 'false'],
  ['m != 5', NaN, 'false'],
  ['m > 80%', 0.8, 'false'],
  ['m > 80%', 0.81, 'true'],
  ['80% < m', 0.81, 'true'],
  ['m > 80%', 1.5, 'true'],
  ['m > 80%', 42, 'unknown'],
  ['m < 80%', 42, 'unknown'],
  ['m_percent > 80%', 42, 'false'],
  ['m_percent > 80%', 81, 'true'],
  ['m_percent > 80', 81, 'true'],
])('"%s" with the value %d is %s', (text, value, verdict) => {
  expect(verdictOf(text, [series('m', [value]), series('m_percent', [value])])).toBe(verdict);
});

const [YES, NO] = [series('yes', [1]), series('no', [0])];

test.each([
  ['yes and yes', 'true'],
  ['yes and no', 'false'],
  ['yes and gone', 'unknown'],
  ['no and gone', 'false'],
  ['gone and no', 'false'],
  ['gone and gone', 'unknown'],
  ['yes or gone', 'true'],
  ['gone or yes', 'true'],
  ['no or no', 'false'],
  ['no or gone', 'unknown'],
  ['not gone', 'unknown'],
  ['not no', 'true'],
  ['not yes', 'false'],
])('"%s" is %s when nothing is known of gone', (text, verdict) => {
  expect(verdictOf(text, [YES, NO])).toBe(verdict);
});

test.each([
  [[0.5, 0.95], 'true'],
  [[0.5, 0.6], 'false'],
  [[0.5, 42], 'false'],
  [[42, 42], 'unknown'],
])('over series with the values %j a condition is %s', (values, verdict) => {
  const disks = values.map((value, i) => series('disk', [value], { tags: { mount: `/${i}` } }));
  expect(verdictOf('disk > 90%', disks)).toBe(verdict);
});

test('two metrics are compared label set by label set', () => {
  const windows = [
    series('used', [5], { tags: { pool: 'a', node: 'x' } }),
    series('used', [1], { tags: { pool: 'b', node: 'x' } }),
    series('limit', [4], { tags: { node: 'x', pool: 'b' } }),
    series('limit', [9], { tags: { node: 'x', pool: 'a' } }),
  ];
  expect(verdictOf('used > limit', windows)).toBe('false');
  expect(verdictOf('limit > used', windows)).toBe('true');
  expect(verdictOf('used > other', windows)).toBe('unknown');
  const onlyA = windows.slice(0, 3);
  expect(verdictOf('used{pool="a"} > limit', onlyA)).toBe('unknown');
});

test('matchers choose series, and an absent label counts as empty', () => {
  const [selector] = selectorsOf(condition('m{a="1",b!="2"} > 0').expression);
  if (selector === undefined) throw new Error('no selector');
  expect(matchesSelector(selector, { name: 'm', tags: { a: '1' } })).toBe(true);
  expect(matchesSelector(selector, { name: 'm', tags: { a: '1', b: '2' } })).toBe(false);
  expect(matchesSelector(selector, { name: 'm', tags: {} })).toBe(false);
  expect(matchesSelector(selector, { name: 'other', tags: { a: '1' } })).toBe(false);
});

describe('since', () => {
  const down = condition('up == 0');

  test('is the first sample of the present run', () => {
    const verdict = evaluate(down, input([series('up', [1, 0, 1, 0, 0, 0])]));
    expect(verdict).toMatchObject({ verdict: 'true', since: T0 + 3000, value: 0 });
  });

  test('is the edge of the window when the run is older', () => {
    expect(evaluate(down, input([series('up', [0, 0, 0])])).since).toBe(T0);
  });

  test('is kept from the verdict before while the run goes on', () => {
    const previous = { verdict: 'true', since: T0 - 9999, evaluatedTo: T0 + 1000 } as const;
    expect(evaluate(down, input([series('up', [0, 0, 0])], { previous })).since).toBe(T0 - 9999);
  });

  test('is new when the run was broken in between', () => {
    const previous = { verdict: 'true', since: T0 - 9999, evaluatedTo: T0 + 1000 } as const;
    const broken = [series('up', [0, 0, 1, 0])];
    expect(evaluate(down, input(broken, { previous })).since).toBe(T0 + 3000);
  });

  test('survives a window that was cut after the verdict before', () => {
    const previous = { verdict: 'true', since: T0 - 9999, evaluatedTo: T0 - 5000 } as const;
    expect(evaluate(down, input([series('up', [0, 0])], { previous })).since).toBe(T0 - 9999);
  });

  test('of a new verdict is its first sample, although that came before the last evaluation', () => {
    const previous = { verdict: 'false', since: T0, evaluatedTo: T0 + 2500 } as const;
    const verdict = evaluate(down, input([series('up', [1, 1, 0])], { previous, now: T0 + 2600 }));
    expect(verdict).toMatchObject({ verdict: 'true', since: T0 + 2000 });
  });

  test('never lies before the run that it ended', () => {
    const previous = { verdict: 'false', since: T0 + 5000, evaluatedTo: T0 + 5000 } as const;
    const late = input([series('up', [0, 0, 0])], { previous, now: T0 + 6000 });
    expect(evaluate(down, late)).toMatchObject({ verdict: 'true', since: T0 + 5000 });
  });

  test('of what was never seen is now, and stays there', () => {
    const first = evaluate(down, input([], { now: T0 }));
    expect(first).toMatchObject({ verdict: 'unknown', since: T0 });
    const previous = { verdict: first.verdict, since: first.since, evaluatedTo: T0 };
    expect(evaluate(down, input([], { now: T0 + 5000, previous })).since).toBe(T0);
  });

  test('begins again after a gap longer than staleness', () => {
    const windows = [series('up', [0, null, 0], { stepMs: 200_000 })];
    expect(evaluate(down, input(windows)).since).toBe(T0 + 400_000);
  });
});

test('five minutes after its newest sample a series says nothing', () => {
  const windows = [series('m', [1])];
  const text = condition('m');
  expect(verdictOf('m', windows, { now: T0 + 299_999 })).toBe('true');
  expect(verdictOf('m', windows, { now: T0 + 300_000 })).toBe('unknown');
  expect(nextChangeAt(text, input(windows))).toBe(T0 + 300_000);
  expect(verdictOf('m', windows, { now: T0 + 20, stalenessMs: 20 })).toBe('unknown');
  expect(nextChangeAt(text, input([]))).toBeNull();
});

test('a sample from the future counts when its time comes', () => {
  const windows = [series('m', [0, 1])];
  expect(assess(condition('m'), input(windows, { now: T0 + 999 }))).toMatchObject({
    verdict: 'false',
    nextChangeAt: T0 + 1000,
  });
});

test('samples that came more than a minute late never count', () => {
  const late = { ts: T0 + 1000, value: 1, receivedAt: T0 + 61_001 };
  const inTime = { ...late, receivedAt: T0 + 61_000 };
  const start = { ts: T0, value: 0, receivedAt: T0 };
  const window = { name: 'm', tags: {} };
  const now = T0 + 62_000;
  expect(verdictOf('m', [{ ...window, samples: [start, late] }], { now })).toBe('false');
  expect(verdictOf('m', [{ ...window, samples: [start, inTime] }], { now })).toBe('true');
  expect(verdictOf('m', [{ ...window, samples: [late] }], { now })).toBe('unknown');
});

describe('for D inside a condition', () => {
  test('is true once the operand held for that long, also between samples', () => {
    const windows = [series('m', [0, 1, 1, 1])];
    const at = (ms: number): string =>
      verdictOf('(m for 2500ms) or no', [...windows, NO], { now: T0 + ms });
    expect([at(500), at(1000), at(3499), at(3500)]).toEqual(['false', 'false', 'false', 'true']);
    expect(nextChangeAt(condition('(m for 2500ms) or no'), input([...windows, NO]))).toBe(
      T0 + 3500,
    );
  });

  test('starts again when one sample did not match', () => {
    expect(verdictOf('not not (m for 2s)', [series('m', [0, 1, 1, 0, 1, 1])])).toBe('false');
    expect(verdictOf('not not (m for 2s)', [series('m', [0, 1, 1, 0, 1, 1, 1])])).toBe('true');
  });

  test('counts for each label set alone', () => {
    const flapping = [
      series('m', [0, 1, 0, 1, 0, 1], { tags: { disk: 'a' } }),
      series('m', [1, 0, 1, 0, 1, 0], { tags: { disk: 'b' } }),
    ];
    expect(verdictOf('(m for 3s) or (m for 3s)', flapping)).toBe('false');
    expect(verdictOf('((m or m) for 3s) or m', flapping)).toBe('true');
  });

  test('does not call a cut window a recovery', () => {
    expect(verdictOf('(m for 10s) and yes', [series('m', [1, 1, 1]), YES])).toBe('unknown');
  });
});

describe('for N attempts', () => {
  const third = 'up == 0 for 3 attempts';

  test.each([
    [[1, 0, 0, 0], 'true'],
    [[1, 0, 0], 'false'],
    [[0, 0, 0, 1], 'false'],
    [[0, 0], 'unknown'],
    [[0, 1, 0, 0], 'false'],
  ])('with the samples %j, three failed attempts are %s', (values, verdict) => {
    expect(verdictOf(third, [series('up', values)], { intervalMs: 1000 })).toBe(verdict);
  });

  test('becomes true with the third sample and since then', () => {
    const verdict = evaluate(condition(third), input([series('up', [1, 0, 0, 0, 0])]));
    expect(verdict).toMatchObject({ verdict: 'true', since: T0 + 3000 });
  });

  test('is not true when the attempts lie further apart than two intervals each', () => {
    const windows = [series('up', [0, null, null, null, null, 0, 0])];
    expect(verdictOf(third, windows, { intervalMs: 1000 })).toBe('unknown');
    expect(verdictOf(third, windows, { intervalMs: 5000 })).toBe('true');
  });

  test('takes the median gap where no interval is known', () => {
    const windows = [series('up', [1, 0, 0, 0], { stepMs: 7000 })];
    const newest = T0 + 21_000;
    expect(verdictOf(third, windows, { now: newest })).toBe('true');
    expect(nextChangeAt(condition(third), input(windows))).toBe(T0 + 7000 + 6 * 7000);
  });

  test('is unknown, not cleared, when the samples stop', () => {
    const windows = [series('up', [1, 0, 0, 0])];
    expect(verdictOf(third, windows, { now: T0 + 60_000, intervalMs: 1000 })).toBe('unknown');
  });

  test('counts each series alone', () => {
    const [a, b] = [{ tags: { url: 'a' } }, { tags: { url: 'b' } }];
    expect(verdictOf(third, [series('up', [0, 1, 0, 1], a), series('up', [1, 0, 1, 0], b)])).toBe(
      'false',
    );
    expect(verdictOf(third, [series('up', [1, 0, 0, 0], a), series('up', [1, 1, 1, 1], b)])).toBe(
      'true',
    );
  });

  test('works on what the parentheses before it say', () => {
    const windows = [series('up', [1, 0, 0, 0]), series('load', [5, 5, 5, 5])];
    const text = '(not up and load > 1) for 3 attempts';
    expect(verdictOf(text, windows)).toBe('true');
    expect(verdictOf(text, [...windows.slice(0, 1), series('load', [5, 0, 5, 5])])).toBe('false');
  });
});

describe('evidence', () => {
  test('names the series that decided first, with value, times and test', () => {
    const windows = [
      series('disk', [0.5], { tags: { namespace: 'shop', mount: '/a' } }),
      series('disk', [0.95], { tags: { mount: '/b', namespace: 'shop' } }),
    ];
    const verdict = evaluate(condition('disk > 90%'), input(windows));
    expect(verdict.value).toBe(0.95);
    expect(verdict.evidence).toEqual([
      {
        series: 'disk{mount="/b"}',
        value: 0.95,
        ts: T0,
        receivedAt: T0,
        verdict: 'true',
        test: '> 90%',
        unit: '%',
      },
      {
        series: 'disk{mount="/a"}',
        value: 0.5,
        ts: T0,
        receivedAt: T0,
        verdict: 'false',
        test: '> 90%',
        unit: '%',
      },
    ]);
  });

  test.each([
    ['m > 1', [], [{ series: 'm', reason: 'no_data', value: null, ts: null }]],
    ['m{a="1"}', [series('m', [1])], [{ series: 'm{a="1"}', reason: 'no_data' }]],
    ['m > 50%', [series('m', [42])], [{ series: 'm', reason: 'unit_mismatch', value: 42 }]],
    [
      'm > n',
      [series('m', [1]), series('n', [2])],
      [
        { series: 'm', verdict: 'false', test: '> n = 2' },
        { series: 'n', verdict: 'false', test: '< m = 1' },
      ],
    ],
    [
      'm > n',
      [series('m', [1])],
      [
        { series: 'm', reason: 'no_data', value: 1 },
        { series: 'n', reason: 'no_data' },
      ],
    ],
  ])('of "%s" says why nothing can be said', (text, windows, expected) => {
    expect(evaluate(condition(text), input(windows)).evidence).toMatchObject(expected);
  });

  test('says which series fell silent', () => {
    const { evidence } = evaluate(
      condition('m'),
      input([series('m', [1])], { now: T0 + 10 * MINUTE }),
    );
    expect(evidence).toMatchObject([{ series: 'm', verdict: 'unknown', reason: 'stale', ts: T0 }]);
  });

  test('is bounded', () => {
    const many = Array.from({ length: 100 }, (_, i) => series('m', [1], { tags: { i: `${i}` } }));
    expect(evaluate(condition('m'), input(many)).evidence).toHaveLength(20);
  });
});

test.each([
  ['m', 5 * MINUTE],
  ['m for 10m', 15 * MINUTE],
  ['(m for 10m) and (n for 1h) for 5m', 70 * MINUTE],
  ['m for 3 attempts', 11 * MINUTE],
])('"%s" looks back %d ms', (text, expected) => {
  expect(lookbackMs(condition(text))).toBe(expected);
});

test('the interval and the staleness that are known shorten the look back', () => {
  const options = { intervalMs: 1000, stalenessMs: 2000 };
  expect(lookbackMs(condition('m for 3 attempts'), options)).toBe(8000);
});

test('an evaluation that continues an earlier one does not read the whole window', () => {
  let reads = 0;
  const full = series('m', Array<number>(100_000).fill(1));
  const samples = new Proxy(full.samples, {
    get: (target, key, receiver): unknown => {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
      return Reflect.get(target, key, receiver);
    },
  });
  const now = T0 + 99_999_000;
  const previous = { verdict: 'true', since: T0, evaluatedTo: now - 1000 } as const;
  const verdict = evaluate(
    condition('m > 0'),
    input([], { series: [{ ...full, samples }], now, previous }),
  );
  expect(verdict.since).toBe(T0);
  expect(reads).toBeLessThan(400);
});

test('looks at a rule are counted from the first of them', () => {
  const up = series('up', [1, 0, 0, 0, 0], { stepMs: MINUTE });
  const { expression } = condition('up == 0');
  const look = { tickMs: 2 * MINUTE, ticksFrom: T0 + 30_000 };
  const [element] = assessElements(
    { expression, forMs: 0 },
    input([up], { now: T0 + 4.5 * MINUTE, ...look }),
  );
  // Looked at 30 s, 2 min 30 s and 4 min 30 s after T0.
  expect(element).toMatchObject({ verdict: 'true', since: T0 + 2.5 * MINUTE });
});

test('a label set that either side of an or brings is one and the same alert', () => {
  const selector = (metric: string) => ({ kind: 'selector' as const, at: 0, metric, matchers: [] });
  const zero = { kind: 'number', at: 0, value: 0, isPercent: false } as const;
  const above = (metric: string) =>
    ({ kind: 'compare', at: 0, op: '>', left: selector(metric), right: zero }) as const;
  const operand = { kind: 'set', at: 0, op: 'or', left: above('a'), right: above('b') } as const;
  const windows = [series('a', [0, 1, 0]), series('b', [0, 0, 1])];
  const elements = assessElements(
    { expression: { kind: 'present', at: 0, operand }, forMs: 0 },
    input(windows),
  );
  expect(elements).toMatchObject([{ labels: {}, verdict: 'true', since: T0 + 1000 }]);
});
