import { manualExpression, verify, type VerifyFacts } from '../../../domain/action/verify';
import type { Expression } from '../../../domain/policy/ast';
import type { Sample } from '../../../domain/policy/series';

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
