import {
  assess,
  assessElements,
  evaluate,
  nextChangeAt,
  type EvaluationInput,
} from '../../../domain/policy/evaluate';
import { explain } from '../../../domain/policy/explain';
import type { SeriesWindow } from '../../../domain/policy/series';
import { severityOf } from '../../../domain/policy/severity';
import { parseCondition } from '../../../language/expression/parser';
import { condition } from '../../support/conditions';

const T0 = Date.UTC(2026, 0, 1, 12);
const SECOND = 1000;
const MINUTE = 60_000;

interface Shape {
  stepMs?: number;
  tags?: Record<string, string>;
  isForeign?: true;
}

/** A series with a sample every 10 s from T0 on; null leaves one out. */
function series(
  name: string,
  values: readonly (number | null | 'stale')[],
  { stepMs = 10 * SECOND, tags = {}, ...rest }: Shape = {},
): SeriesWindow {
  const samples = values.flatMap((value, i) => {
    if (value === null) return [];
    const ts = T0 + i * stepMs;
    return value === 'stale'
      ? [{ ts, value: NaN, receivedAt: ts, isStale: true as const }]
      : [{ ts, value, receivedAt: ts }];
  });
  return { name, tags, samples, ...rest };
}

function at(
  ms: number,
  windows: readonly SeriesWindow[],
  more: Partial<EvaluationInput> = {},
): EvaluationInput {
  const now = T0 + ms;
  const seen = windows.map((one) => ({
    ...one,
    samples: one.samples.filter(({ ts }) => ts <= now),
  }));
  return { series: seen, now, intervalMs: null, previous: null, ...more };
}

function verdictAt(text: string, ms: number, windows: readonly SeriesWindow[]): string {
  return evaluate(condition(text), at(ms, windows)).verdict;
}

const times = <T>(count: number, value: T): T[] => Array<T>(count).fill(value);

describe('windows', () => {
  const cpu = series('cpu_usage', [...times(6, 0.5), ...times(12, 0.95)]);

  test('are open on the left: the sample at their start is out', () => {
    const window = series('m', [1, 0, 0]);
    expect(verdictAt('max_over_time(m[20s]) > 0', 19_999, [window])).toBe('true');
    expect(verdictAt('max_over_time(m[20s]) > 0', 20_000, [window])).toBe('false');
  });

  test('say since when: with the sample that tips them', () => {
    const verdict = evaluate(
      condition('avg_over_time(cpu_usage[1m]) > 80%'),
      at(2 * MINUTE, [cpu]),
    );
    // Four of six samples at 0.95 make an average of 0.8, five make 0.875.
    expect(verdict).toMatchObject({ verdict: 'true', since: T0 + 100 * SECOND });
  });

  test('change when a sample leaves, without a new one', () => {
    const burst = series('errors', [0, 5, 0]);
    const text = condition('sum_over_time(errors[1m]) > 3');
    const answer = assess(text, at(20_000, [burst]));
    expect(answer).toMatchObject({ verdict: 'true', nextChangeAt: T0 + 70 * SECOND });
    expect(verdictAt('sum_over_time(errors[1m]) > 3', 70_000, [burst])).toBe('false');
  });

  test('that step on give what the whole gives', () => {
    const text = condition('rate(requests_total[1m]) > 2 for 30s');
    const counter = series('requests_total', [0, 10, 20, 30, 90, 150, 210, 5, 70, 140, 150, 160]);
    let previous: EvaluationInput['previous'] = null;
    for (let ms = 0; ms <= 120_000; ms += 5000) {
      const fresh = evaluate(text, at(ms, [counter]));
      const next = evaluate(text, { ...at(ms, [counter]), previous });
      expect([ms, next.verdict]).toEqual([ms, fresh.verdict]);
      if (fresh.verdict === 'true') expect(next.since).toBe(fresh.since);
      previous = { verdict: next.verdict, since: next.since, evaluatedTo: T0 + ms };
    }
  });

  test('of a series that a marker ended say nothing at once', () => {
    const ended = series('m', [1, 1, 'stale']);
    expect(verdictAt('m', 19_000, [ended])).toBe('true');
    expect(verdictAt('m', 20_000, [ended])).toBe('unknown');
    expect(verdictAt('count_over_time(m[1m]) == 2', 20_000, [ended])).toBe('true');
  });
});

describe('the clock', () => {
  test('changes a verdict between samples', () => {
    const backup = series('last_backup', [1], { tags: { job: 'db' } });
    const text = condition('time() - timestamp(last_backup) > 60');
    const answer = (ms: number) => assess(text, at(ms, [backup]));
    expect(answer(0).verdict).toBe('false');
    expect(answer(70_000).verdict).toBe('true');
    expect(answer(30_000).nextChangeAt).toBeLessThanOrEqual(T0 + 40_000);
  });
});

describe('the trailing for', () => {
  const flapping = [
    series('disk', [0.95, 0.95, 0.95, 0.1, 0.1, 0.1], { tags: { mount: '/a' } }),
    series('disk', [0.1, 0.1, 0.95, 0.95, 0.95, 0.95], { tags: { mount: '/b' } }),
  ];

  test('counts for each label set: a new culprit starts its own clock', () => {
    const held = condition('disk > 90% for 1m');
    expect(evaluate(held, at(20_000, flapping))).toMatchObject({ verdict: 'true', since: T0 });
    expect(evaluate(held, at(30_000, flapping)).since).toBe(T0 + 20_000);
    const previous = { verdict: 'true', since: T0, evaluatedTo: T0 + 20_000 } as const;
    expect(evaluate(held, { ...at(30_000, flapping), previous }).since).toBe(T0 + 20_000);
  });

  test('and without it the whole is one run', () => {
    expect(evaluate(condition('disk > 90%'), at(50_000, flapping)).since).toBe(T0);
  });
});

describe('hysteresis', () => {
  const load = series('load', [1, 9, 7, 7, 7, 5, 7, 9, 5]);
  const spiky = { ...condition('load > 8'), clear: condition('load < 6').expression };

  test('keeps what has fired until it clears', () => {
    const verdicts = [0, 1, 2, 4, 5, 6, 7, 8].map((i) => {
      const { verdict, since } = evaluate(spiky, at(i * 10_000, [load]));
      return verdict === 'true' ? (since - T0) / 10_000 : verdict;
    });
    expect(verdicts).toEqual(['false', 1, 1, 1, 'false', 'false', 7, 'false']);
  });

  test('does not count for what has not fired yet', () => {
    const held = { ...spiky, forMs: 30_000 };
    expect(evaluate(held, at(20_000, [load])).verdict).toBe('false');
    const steady = series('load', [1, 9, 9, 9, 9, 9, 7, 7]);
    expect(evaluate(held, at(70_000, [steady]))).toMatchObject({
      verdict: 'true',
      since: T0 + 10_000,
    });
  });

  test('goes on from the verdict before', () => {
    const previous = { verdict: 'true', since: T0 - MINUTE, evaluatedTo: T0 + 25_000 } as const;
    const band = series('load', [7, 7, 7, 7]);
    expect(evaluate(spiky, { ...at(30_000, [band]), previous })).toMatchObject({
      verdict: 'true',
      since: T0 - MINUTE,
    });
  });

  test('is unknown without data, and holds on when it returns', () => {
    const gap = series('load', [9, ...times(35, null), 7]);
    expect(evaluate(spiky, at(320_000, [gap])).verdict).toBe('unknown');
    expect(evaluate(spiky, at(360_000, [gap]))).toMatchObject({ verdict: 'true', since: T0 });
  });

  test('keepFiring counts from the first evaluation that did not match', () => {
    const kept = { ...condition('load > 8'), keepFiringMs: 30_000 };
    const fell = series('load', [9, 9, 1, 1, 1, 1, 1, 1]);
    const verdict = (ms: number) => evaluate(kept, at(ms, [fell])).verdict;
    expect([20_000, 49_999, 50_000].map(verdict)).toEqual(['true', 'true', 'false']);
    expect(nextChangeAt(kept, at(20_000, [fell]))).toBe(T0 + 50_000);
    const previous = { verdict: 'true', since: T0, evaluatedTo: T0 + 45_000 } as const;
    expect(evaluate(kept, { ...at(50_000, [fell]), previous }).verdict).toBe('false');
    expect(evaluate(kept, { ...at(49_000, [fell]), previous })).toMatchObject({ since: T0 });
  });
});

describe('no data', () => {
  const silent = [series('up', [1, 1, 1])];
  const after = 20_000 + 5 * MINUTE;
  const withMissing = (text: string, missing?: 'healthy' | 'firing') => ({
    ...condition(text),
    ...(missing === undefined ? {} : { missing }),
  });

  test.each([
    ['up == 0', undefined, 'unknown'],
    ['up == 0', 'healthy', 'false'],
    ['up == 0', 'firing', 'true'],
    ['not up', 'firing', 'true'],
    ['not up', 'healthy', 'false'],
    ['not (up == 1 and up == 1)', 'firing', 'true'],
  ] as const)('in "%s" with missing %s is %s', (text, missing, verdict) => {
    expect(evaluate(withMissing(text, missing), at(after, silent)).verdict).toBe(verdict);
    expect(evaluate(withMissing(text, missing), at(after - 1, silent)).verdict).toBe('false');
  });

  test('of a series that was never seen stays unknown', () => {
    expect(evaluate(withMissing('up == 0', 'firing'), at(after, [])).verdict).toBe('unknown');
  });

  test('does not count for the time before anything was being received', () => {
    const more = { receivingSince: T0 + 2 * MINUTE };
    const fires = withMissing('up == 0', 'firing');
    expect(evaluate(fires, at(after, silent, more)).verdict).toBe('unknown');
    expect(evaluate(fires, at(10 * MINUTE, silent, more)).verdict).toBe('true');
  });

  test('of a rate that has but one sample is not silence', () => {
    const young = [series('requests_total', [...times(3, null), 5])];
    const fires = withMissing('rate(requests_total[5m]) > 1', 'firing');
    expect(evaluate(fires, at(30_000, young)).verdict).toBe('unknown');
  });
});

describe('is missing', () => {
  const seen = [series('heartbeat', [1, 1, null, null, null, 1])];

  test('is true once the series was silent for that long', () => {
    const text = 'heartbeat is missing for 25s';
    expect(verdictAt(text, 34_999, seen)).toBe('false');
    expect(evaluate(condition(text), at(35_000, seen))).toMatchObject({
      verdict: 'true',
      since: T0 + 35_000,
    });
    expect(verdictAt(text, 50_000, seen)).toBe('false');
    expect(nextChangeAt(condition(text), at(20_000, seen))).toBe(T0 + 35_000);
  });

  test('is unknown of what was never seen, and while nothing was received for that long', () => {
    const text = condition('heartbeat is missing for 1m');
    expect(evaluate(text, at(MINUTE, [])).verdict).toBe('unknown');
    const restarted = { receivingSince: T0 + 60_000 };
    const one = [series('heartbeat', [1])];
    expect(evaluate(text, at(119_999, one, restarted)).verdict).toBe('unknown');
    expect(evaluate(text, at(120_000, one, restarted)).verdict).toBe('true');
  });

  test('of a series without a sample in sight is true, unless its fellows speak', () => {
    const gone = { name: 'heartbeat', tags: { mount: '/old' }, samples: [] };
    expect(verdictAt('heartbeat is missing for 1m', MINUTE, [gone])).toBe('true');
    const fellow = series('heartbeat', times(7, 1), { tags: { mount: '/new' } });
    expect(verdictAt('heartbeat is missing for 1m', MINUTE, [gone, fellow])).toBe('false');
  });
});

describe('absent', () => {
  const seen = [series('up', [1, 1])];

  test.each([
    ['absent(up)', 10_000, 'false'],
    ['absent(up)', 310_000, 'true'],
    ['absent(up) == 1', 310_000, 'true'],
    ['absent_over_time(up[1m])', 69_999, 'false'],
    ['absent_over_time(up[1m])', 70_000, 'true'],
    ['NOT absent(up)', 310_000, 'false'],
  ])('"%s" after %d ms is %s', (text, ms, verdict) => {
    expect(verdictAt(text, ms, seen)).toBe(verdict);
  });

  test('is unknown of a series that was never seen, unless that is asked for', () => {
    expect(verdictAt('absent(gone)', MINUTE, seen)).toBe('unknown');
    const promql = parsed('absent(gone)');
    expect(evaluate(promql, at(MINUTE, seen)).verdict).toBe('unknown');
    expect(evaluate(promql, at(MINUTE, seen, { countsNeverSeen: true })).verdict).toBe('true');
  });
});

function parsed(text: string) {
  const found = parseCondition(text, { language: 'promql' });
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.condition;
}

describe('a trend', () => {
  const rising = (wobble: (i: number) => number) =>
    series(
      'memory',
      Array.from({ length: 181 }, (_, i) => 100 + i + wobble(i)),
    );
  const text = 'memory increasing for 30m';
  const end = 30 * MINUTE;

  test.each([
    ['rises steadily', rising(() => 0), 'true'],
    ['rises with noise', rising((i) => (i % 2 === 0 ? 15 : -15)), 'true'],
    ['has one dip', rising((i) => (i > 100 && i < 118 ? -100 : 0)), 'true'],
    [
      'falls',
      series(
        'memory',
        Array.from({ length: 181 }, (_, i) => -i),
      ),
      'false',
    ],
    ['is flat', series('memory', times(181, 5)), 'false'],
    [
      'swings',
      series(
        'memory',
        Array.from({ length: 181 }, (_, i) => Math.sin(i / 10)),
      ),
      'false',
    ],
    [
      'has too few samples',
      series('memory', [1, 2, 3, 4, 5, 6, 7, 8, 9], { stepMs: 200_000 }),
      'unknown',
    ],
    [
      'covers too little',
      series(
        'memory',
        Array.from({ length: 60 }, (_, i) => i),
      ),
      'unknown',
    ],
  ])('of a series that %s is %s', (_what, memory, verdict) => {
    const now = memory.samples.length < 100 ? (memory.samples.at(-1)?.ts ?? 0) - T0 : end;
    expect(verdictAt(text, now, [memory])).toBe(verdict);
  });

  test('has the slope per second as its value, and a mirror image', () => {
    const falling = series(
      'free',
      Array.from({ length: 181 }, (_, i) => 1000 - i),
    );
    const { evidence, verdict } = evaluate(
      condition('free decreasing for 30m'),
      at(end, [falling]),
    );
    expect(verdict).toBe('true');
    expect(evidence[0]?.value).toBeCloseTo(-0.1, 6);
  });
});

describe('language: promql', () => {
  const ups = [
    series('up', [1, 0, 0], { tags: { job: 'a' } }),
    series('up', [1, 1, 1], { tags: { job: 'b' } }),
  ];

  test('is true while the result holds anything, and false when it is empty', () => {
    expect(evaluate(parsed('up == 0'), at(20_000, ups))).toMatchObject({
      verdict: 'true',
      since: T0 + 10_000,
      value: 0,
    });
    expect(evaluate(parsed('up == 2'), at(20_000, ups)).verdict).toBe('false');
    expect(evaluate(parsed('gone == 2'), at(20_000, ups)).verdict).toBe('false');
    expect(evaluate(parsed('up == 0'), at(20 * MINUTE, ups)).verdict).toBe('false');
    expect(evaluate(parsed('up'), at(20_000, ups)).verdict).toBe('true');
    expect(evaluate(parsed('up == 0 unless on_call'), at(20_000, ups)).verdict).toBe('true');
  });

  test('counts alerts label set by label set', () => {
    expect(assessElements(parsed('up < 1'), at(20_000, ups))).toEqual(
      [
        { name: 'up', labels: { job: 'a' }, verdict: 'true', since: T0 + 10_000, value: 0 },
        { name: 'up', labels: { job: 'b' }, verdict: 'false', since: -Infinity, value: null },
      ].map((one) => ({ ...one, since: expect.any(Number) as number })),
    );
  });

  test('looks only at the ticks of a rule evaluator when that is asked for', () => {
    const spike = [
      {
        ...ups[0],
        name: 'up',
        tags: {},
        samples: [
          { ts: 60_000, value: 0, receivedAt: 60_000 },
          { ts: 90_000, value: 1, receivedAt: 90_000 },
          { ts: 110_000, value: 0, receivedAt: 110_000 },
        ],
      },
    ];
    const input = { series: spike, now: 125_000, intervalMs: null, previous: null };
    expect(evaluate(parsed('up == 0'), { ...input, tickMs: 60_000 }).since).toBe(60_000);
    expect(evaluate(parsed('up == 0'), input).since).toBe(110_000);
  });
});

describe('whose series a selector means', () => {
  const own = series('http_up', [1], { tags: { resource: 'web' } });
  const db = series('http_up', [0], { tags: { resource: 'db' }, isForeign: true });

  test('is the target, unless it names resource, service or host', () => {
    expect(verdictAt('http_up == 0', 0, [own, db])).toBe('false');
    expect(verdictAt('http_up{resource="db"} == 0', 0, [own, db])).toBe('true');
    expect(verdictAt('http_up{resource=~"d.*"} == 0 AND http_up', 0, [own, db])).toBe('true');
  });
});

describe('units', () => {
  const cpus = [0.9, 0.8].map((value, i) => series('cpu_usage', [value], { tags: { i: `${i}` } }));

  test.each([
    ['avg(cpu_usage) > 80%', 'true'],
    ['sum(cpu_usage) > 160%', 'true'],
    ['80% < max(cpu_usage)', 'true'],
    ['max(cpu_usage) * 100 > 85', 'true'],
    ['cpu_usage * 2 > 170%', 'true'],
  ])('"%s" is %s', (text, verdict) => {
    expect(verdictAt(text, 0, cpus)).toBe(verdict);
  });

  test('of a rate that exceeds a ratio are a mismatch', () => {
    const busy = [series('busy', [200, 200])];
    expect(evaluate(condition('avg_over_time(busy[1m]) > 80%'), at(10_000, busy))).toMatchObject({
      verdict: 'unknown',
      evidence: [{ reason: 'unit_mismatch' }],
    });
  });
});

test('graded severity is that of the first grade that holds', () => {
  const policy = {
    severity: 'info' as const,
    grades: [
      { severity: 'critical' as const, expression: condition('cpu_usage > 95%').expression },
      { severity: 'warning' as const, expression: condition('cpu_usage > 80%').expression },
    ],
  };
  const graded = [0.99, 0.9, 0.5].map((value) =>
    severityOf(policy, at(0, [series('cpu_usage', [value])])),
  );
  expect(graded).toEqual(['critical', 'warning', 'info']);
});

describe('an explanation', () => {
  const cpu = series('cpu_usage', times(7, 0.93), { tags: { host: 'a', namespace: 'default' } });
  const explained = (text: string, ms: number, windows: SeriesWindow[]) => {
    const input = at(ms, windows);
    return explain(condition(text), evaluate(condition(text), input), input.now);
  };

  test.each([
    [
      'cpu_usage > 80% for 5m',
      'cpu_usage{host="a"} = 93 % > 80 % for 5m: true since 12:00:00, fires at 12:05:00',
    ],
    [
      'avg_over_time(cpu_usage[2m]) > 80%',
      'avg_over_time(cpu_usage{host="a"}[2m]) = 93 % > 80 %: true since 12:00:00',
    ],
    [
      'count by (host) (cpu_usage) > 3',
      'count by (host) (cpu_usage) {host="a"} = 1 > 3: false since 12:00:00',
    ],
    ['cpu_usage is missing for 2m', 'cpu_usage{host="a"} = 0.93 is missing: false since 12:00:00'],
  ])('of "%s" shows the resolved expression', (text, expected) => {
    expect(explained(text, 60_000, [cpu])).toBe(expected);
  });
});

test('what both sides of an or bring is one label set, and its run goes on', () => {
  const own = series('busy', [9, 9, null, null, null], { tags: { host: 'a' } });
  const other = series('loaded', [null, null, 9, 9, 9], { tags: { host: 'a' } });
  const ended = {
    ...own,
    samples: [
      ...own.samples,
      { ts: T0 + 20_000, value: NaN, receivedAt: T0 + 20_000, isStale: true as const },
    ],
  };
  const verdict = evaluate(condition('(busy or loaded) > 5 for 1m'), at(40_000, [ended, other]));
  expect(verdict).toMatchObject({ verdict: 'true', since: T0 });
});

describe('hysteresis over several label sets', () => {
  const disk = (mount: string, values: readonly number[]) =>
    series('disk', values, { tags: { mount } });
  const full = { ...condition('disk > 90%'), clear: condition('disk < 80%').expression };

  test('clears each by itself', () => {
    const disks = [disk('/a', [0.95, 0.85, 0.85]), disk('/b', [0.1, 0.1, 0.1])];
    expect(evaluate(full, at(20_000, disks))).toMatchObject({ verdict: 'true', since: T0 });
  });

  test('knows from one evaluation to the next which of them were held', () => {
    const disks = [disk('/a', [0.95, ...times(20, 0.85)]), disk('/b', times(21, 0.85))];
    let input: Pick<EvaluationInput, 'previous' | 'held'> = { previous: null };
    for (let ms = 0; ms <= 200_000; ms += 10_000) {
      const { verdict, since, held } = assess(full, { ...at(ms, disks), ...input });
      expect([ms, verdict]).toEqual([ms, 'true']);
      expect(held.map(({ key }) => key)).toEqual(['[["mount","/a"]]']);
      input = { previous: { verdict, since, evaluatedTo: T0 + ms - 60_000 }, held };
    }
    const cleared = [disk('/a', [...times(21, 0.85), 0.5]), disk('/b', times(22, 0.85))];
    expect(assess(full, { ...at(210_000, cleared), ...input }).verdict).toBe('false');
  });

  test('what was held is held after a gap that is longer than the windows', () => {
    const band = [disk('/a', [...times(60, null as unknown as number), 0.85])];
    const held = [{ key: '[["mount","/a"]]', since: T0 - MINUTE }];
    const input = { ...at(600_000, band), held };
    expect(assess(full, input)).toMatchObject({ verdict: 'true', since: T0 - MINUTE });
    expect(assess(full, { ...input, held: [] }).verdict).toBe('false');
  });

  test('no data is no reason to stay, where no data is healthy', () => {
    const healthy = { ...full, missing: 'healthy' as const };
    expect(evaluate(healthy, at(400_000, [disk('/a', [0.95, 0.95])])).verdict).toBe('false');
  });
});

describe('silence', () => {
  const firing = { ...condition('latency > 5 for 10m'), missing: 'firing' as const };

  test('is not what came before the first sample', () => {
    const fresh = { receivingSince: T0 - 60 * MINUTE };
    expect(evaluate(firing, at(0, [series('latency', [9])], fresh))).toMatchObject({
      verdict: 'true',
      since: T0,
    });
  });

  test('counts for a window shorter than the staleness, when the series is stale', () => {
    const short = { ...condition('avg_over_time(cpu[2m]) > 80%'), missing: 'firing' as const };
    const cpu = [series('cpu', times(7, 0.1))];
    expect(evaluate(short, at(5 * MINUTE, cpu)).verdict).toBe('unknown');
    expect(nextChangeAt(short, at(5 * MINUTE, cpu))).toBe(T0 + 6 * MINUTE);
    expect(evaluate(short, at(6 * MINUTE, cpu)).verdict).toBe('true');
  });
});

test('a nested for over many series says the same whether it is looked at anew or step by step', () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    series('queue', times(240, i === 0 ? 50 : 1), { tags: { i: `${i}` } }),
  );
  const text = condition('(sum(queue) > 10 for 29m) and max(queue) > 1');
  const now = at(39 * MINUTE + 50_000, many);
  const previous = { verdict: 'true', since: T0, evaluatedTo: now.now - 60_000 } as const;
  expect(evaluate(text, now).verdict).toBe('true');
  expect(evaluate(text, { ...now, previous }).verdict).toBe('true');
});

test('beside absent() of what was never seen, what is seen still counts', () => {
  const errors = [series('errors', [9])];
  const either = parsed('errors > 5 or absent(beat)');
  expect(evaluate(either, at(0, errors)).verdict).toBe('true');
});
