import { manualExpression, verify, type VerifyFacts } from '../../../domain/action/verify';
import type { Expression } from '../../../domain/policy/ast';
import type { Sample } from '../../../domain/policy/series';
import { condition } from '../../support/conditions';

const END = 100_000;
const DOWN: Expression = {
  kind: 'for',
  at: 0,
  durationMs: 60_000,
  operand: {
    kind: 'compare',
    at: 0,
    op: '==',
    left: { kind: 'selector', at: 0, metric: 'http_up', matchers: [] },
    right: { kind: 'number', at: 0, value: 0, isPercent: false },
  },
};

/** Samples at seconds after the step's end: [second, value, lag seconds?]. */
function facts(samples: [number, number, number?][], nowSeconds: number): VerifyFacts {
  return {
    expression: DOWN,
    series: [{ name: 'http_up', tags: {}, samples: samples.map(toSample) }],
    stepEndedAt: END,
    now: END + nowSeconds * 1000,
    intervalMs: 1000,
    verify: { settleMs: 1000, stableMs: 3000, withinMs: 10_000 },
  };
}

function toSample([second, value, lag = 0]: [number, number, number?]): Sample {
  const ts = END + second * 1000;
  return { ts, value, receivedAt: ts + lag * 1000 };
}

test.each<[string, [number, number, number?][], number, unknown]>([
  [
    'clear long enough after settling',
    [
      [-1, 0],
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
    ],
    4,
    'succeeded',
  ],
  [
    'clear, not long enough yet',
    [
      [-1, 0],
      [1, 1],
      [2, 1],
    ],
    3,
    'waiting',
  ],
  [
    'only what came before the step',
    [
      [-3, 0],
      [-2, 0],
    ],
    5,
    'waiting',
  ],
  [
    'what is clear while it settles does not count',
    [
      [0.2, 1],
      [0.9, 1],
      [2, 1],
      [4, 1],
    ],
    4,
    'waiting',
  ],
  [
    'a relapse starts the count again',
    [
      [1, 1],
      [2, 1],
      [3, 0],
      [4, 1],
      [5, 1],
    ],
    5,
    'waiting',
  ],
  [
    'still true at the end',
    [
      [1, 0],
      [5, 0],
      [9, 0],
    ],
    10,
    'failed',
  ],
  ['no fresh data at the end', [[-2, 0]], 10, 'inconclusive'],
  [
    'clear too late to be sure',
    [
      [1, 0],
      [8, 1],
      [9, 1],
    ],
    10,
    'inconclusive',
  ],
])('%s', (_name, samples, now, expected) => {
  const answer = verify(facts(samples, now));
  expect(answer.kind === 'done' ? answer.outcome : answer.kind).toBe(expected);
});

test('a sample sent before the step and received after it proves nothing', () => {
  const late = facts(
    [
      [-1, 1, 2],
      [-0.5, 1, 2],
    ],
    10,
  );
  expect(verify(late)).toMatchObject({ outcome: 'inconclusive' });
});

test('without a word on stable, three samples and thirty seconds are waited for', () => {
  const samples = Array.from({ length: 29 }, (_, i): [number, number] => [i + 1, 1]);
  const wanted = { settleMs: 0, stableMs: null, withinMs: 120_000 };
  expect(verify({ ...facts(samples, 29), verify: wanted }).kind).toBe('waiting');
  const more = [...samples, [30, 1], [31, 1]] as [number, number][];
  expect(verify({ ...facts(more, 31), verify: wanted })).toMatchObject({ outcome: 'succeeded' });
});

test('a manual stop is verified by the difference it makes', () => {
  expect(manualExpression('stop', true)).toMatchObject({ kind: 'compare', op: '==' });
  expect(manualExpression('restart', true)).toMatchObject({ kind: 'or' });
  expect(manualExpression('restart', false)).toMatchObject({ kind: 'compare', op: '>' });
});

describe('what cannot be seen is not well', () => {
  const seen = (changes: Partial<VerifyFacts>): VerifyFacts => ({ ...facts([], 60), ...changes });
  const every = (name: string, value: number, tags: Record<string, string> = {}) => ({
    name,
    tags,
    samples: Array.from({ length: 8 }, (_, i) => toSample([i + 2, value])),
  });
  const before = (name: string, tags: Record<string, string> = {}) => ({
    name,
    tags,
    samples: [{ ts: END - 200_000, value: 1, receivedAt: END - 200_000 }],
  });

  test('PromQL whose other side has no data', () => {
    const { expression } = condition('queue > 100 and worker_up == 0', 'promql');
    const answer = verify(seen({ expression, series: [every('queue', 500), before('worker_up')] }));
    expect(answer).toMatchObject({ kind: 'done', outcome: 'inconclusive' });
    const fine = [every('queue', 500), every('worker_up', 1)];
    expect(verify(seen({ expression, series: fine }))).toMatchObject({ outcome: 'succeeded' });
  });

  test('a comparison with a time of which nothing fresh is known', () => {
    const { expression } = condition('queue > 2 * (queue offset 1h)', 'promql');
    const answer = verify(seen({ expression, series: [every('queue', 500)] }));
    expect(answer).toMatchObject({ kind: 'done', outcome: 'inconclusive' });
  });

  test('a series that is still missing, beside one that is not', () => {
    const { expression } = condition('beat is missing for 2m');
    const series = [before('beat', { host: 'a' }), every('beat', 1, { host: 'b' })];
    expect(verify(seen({ expression, series }))).toMatchObject({ outcome: 'failed' });
    const back = [every('beat', 1, { host: 'a' }), every('beat', 1, { host: 'b' })];
    expect(verify(seen({ expression, series: back }))).toMatchObject({ outcome: 'succeeded' });
  });

  test('one label set that is not clear, beside one that is', () => {
    const { expression } = condition('disk > 90%');
    const clear = condition('disk < 80%').expression;
    const disks = (a: number) => [
      every('disk', a, { mount: '/a' }),
      every('disk', 0.1, { mount: '/b' }),
    ];
    const outcome = (a: number) => verify(seen({ expression, clear, series: disks(a) }));
    expect(outcome(0.95)).toMatchObject({ outcome: 'failed' });
    expect(outcome(0.85)).toMatchObject({ outcome: 'failed' });
    expect(outcome(0.7)).toMatchObject({ outcome: 'succeeded' });
  });
});
