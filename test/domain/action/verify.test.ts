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

describe('data that stops', () => {
  const every = (from: number, to: number, value: number): [number, number][] =>
    Array.from({ length: to - from + 1 }, (_, i) => [from + i, value]);
  const within = { settleMs: 1000, stableMs: 3000, withinMs: 30_000 };
  const outcome = (changes: Partial<VerifyFacts>, samples: [number, number, number?][]) => {
    const answer = verify({ ...facts(samples, 30), verify: within, ...changes });
    return answer.kind === 'done' ? answer.outcome : answer.kind;
  };

  test('while the condition is true leaves a doubt, not a failure', () => {
    expect(outcome({}, [...every(-9, 0, 0), ...every(1, 6, 0)])).toBe('inconclusive');
    expect(outcome({}, [...every(-9, 0, 0), ...every(1, 28, 0)])).toBe('failed');
  });

  test('is known by its own interval, not by the clock', () => {
    const slow = [-20, -10, 0, 10, 20].map((second): [number, number] => [second, 0]);
    expect(outcome({}, slow)).toBe('failed');
    expect(outcome({ intervalMs: null }, slow)).toBe('failed');
  });

  test('after it was clear long enough takes nothing back', () => {
    expect(outcome({}, every(1, 6, 1))).toBe('succeeded');
  });
});

describe('what does not count', () => {
  const clear = (lag: number): [number, number, number][] =>
    [1, 2, 3, 4, 5].map((second) => [second, 1, lag]);

  test('samples of before the step that were spooled and arrive while it is verified', () => {
    const spooled = [-50, -40, -30, -20, -10].map((second): [number, number, number] => [
      second,
      1,
      55,
    ]);
    expect(verify(facts([[-1, 0], ...spooled], 10))).toMatchObject({ outcome: 'inconclusive' });
    const still = [[-1, 0], ...spooled, [2, 0], [5, 0], [9, 0]] as [number, number, number?][];
    expect(verify(facts(still, 10))).toMatchObject({ outcome: 'failed' });
  });

  test('what a clock that runs ahead sends while it settles', () => {
    const after = { stepEndedAt: END - 6000, now: END };
    const slow = { settleMs: 5000, stableMs: 3000, withinMs: 30_000 };
    expect(verify({ ...facts(clear(-5), 0), ...after, verify: slow }).kind).toBe('waiting');
    const quick = { ...slow, settleMs: 1000 };
    expect(verify({ ...facts(clear(-5), 0), ...after, verify: quick }).kind).toBe('done');
  });

  test('what came after `within`', () => {
    const late = [
      [1, 0],
      [9, 0],
      [11, 1],
      [12, 1],
      [13, 1],
      [14, 1],
      [15, 1],
    ] as [number, number][];
    expect(verify(facts(late, 20))).toMatchObject({ outcome: 'failed' });
  });
});

describe('a fix that makes it worse', () => {
  const graded = (...samples: [number, number][]): VerifyFacts => ({
    ...facts(samples, 4),
    expression: condition('http_up > 0.8').expression,
    grading: {
      severity: 'warning',
      grades: [{ severity: 'critical', expression: condition('http_up > 0.95').expression }],
      asked: 'warning',
    },
  });

  test('fails at once when it became more severe', () => {
    const answer = verify(graded([-1, 0.85], [2, 0.85], [3, 0.99]));
    expect(answer).toMatchObject({ kind: 'done', outcome: 'failed' });
    expect(answer.why).toBe('it got worse: critical now, warning before');
  });

  test('not when it was as severe before, or at the request', () => {
    expect(verify(graded([-1, 0.99], [2, 0.99]))).toMatchObject({ kind: 'waiting' });
    const asked = graded([-1, 0.85], [2, 0.99]);
    const grading = { severity: 'warning', grades: [], asked: 'critical' } as const;
    expect(verify({ ...asked, grading: { ...asked.grading, ...grading } })).toMatchObject({
      kind: 'waiting',
    });
  });

  test('not while it settles, nor by what is no longer true', () => {
    expect(verify(graded([-1, 0.85], [0.5, 0.99]))).toMatchObject({ kind: 'waiting' });
    expect(verify(graded([-1, 0.85], [2, 0.99], [3, 0.1]))).toMatchObject({ kind: 'waiting' });
  });

  test('fails at once when another policy fires since, even though its own cause is gone', () => {
    const fine: [number, number][] = [
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
    ];
    expect(verify(facts(fine, 4))).toMatchObject({ outcome: 'succeeded' });
    const answer = verify({ ...facts(fine, 4), others: ['default/errors'] });
    expect(answer).toMatchObject({
      outcome: 'failed',
      why: 'it got worse: default/errors fires since',
    });
  });
});
