import fc from 'fast-check';
import { durationMs, tokenOf, type Dataset, type OracleSeries } from './dataset';
import { METRICS } from './generate';

const LENGTH = { min: 12, max: 45 };

const LABELS: readonly Record<string, string>[] = [
  { host: 'h1', job: 'x' },
  { host: 'h2', job: 'x' },
  { host: 'h3', job: 'y' },
  { host: 'h1', job: 'y' },
  { host: 'h2' },
  {},
];

const SMALL = fc.constantFrom(-3, -1, 0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 10);
const DECIMAL = fc.integer({ min: -5000, max: 5000 }).map((value) => value / 100);
const NASTY = fc.constantFrom(
  ...[NaN, Infinity, -Infinity, 1e300, -1e300, 1e-300, 1e-307, -0, 0, 1, 0.1, 1e17, 1],
  ...[1.7976931348623157e308],
);
const FLAG = fc.constantFrom(0, 1, 1);

function listOf(value: fc.Arbitrary<number>): fc.Arbitrary<number[]> {
  return fc.array(value, { minLength: LENGTH.min, maxLength: LENGTH.max, size: 'max' });
}

/** Goes up, and now and then starts again. */
const COUNTER = listOf(fc.constantFrom(0, 1, 2, 5, 7.5, 100, -1)).map((steps) => {
  let total = 3;
  return steps.map((step) => (total = step < 0 ? 1 : total + step));
});

/** Runs of one value. */
const RUNS = listOf(fc.constantFrom(0.1, 2, 2, 2, 2, 7, NaN)).map((values) =>
  values.map((_value, i) => values[i - (i % 4)] ?? 0),
);

const VALUES = fc.oneof(
  { weight: 4, arbitrary: COUNTER },
  { weight: 3, arbitrary: listOf(SMALL) },
  { weight: 2, arbitrary: listOf(DECIMAL) },
  { weight: 2, arbitrary: RUNS },
  { weight: 2, arbitrary: listOf(FLAG) },
  { weight: 1, arbitrary: listOf(NASTY) },
);

const HOLE = fc.constantFrom(...Array<null>(20).fill(null), '_', '_', '_', 'stale');

/** Values with single holes, and perhaps a late start, a long gap or an early end. */
const TOKENS = fc
  .record({
    values: VALUES,
    holes: fc.array(HOLE, { minLength: LENGTH.max, maxLength: LENGTH.max, size: 'max' }),
    hasHoles: fc.boolean(),
    lateBy: fc.constantFrom(0, 0, 0, 3, 9),
    gap: fc.constantFrom(
      ...[null, null, { from: 5, to: 8 }, { from: 10, to: 24 }, { from: 8, to: 30 }],
    ),
    ending: fc.constantFrom('', '', 'stale'),
  })
  .map(({ values, holes, hasHoles, lateBy, gap, ending }) => {
    const tokens = values.map((value, i) => {
      const isInGap = gap !== null && i >= gap.from && i < gap.to;
      if (isInGap || i < lateBy) return '_';
      return (hasHoles ? holes[i] : null) ?? tokenOf(value);
    });
    return [...tokens, ending].filter((token) => token !== '').join(' ');
  });

const SERIES: fc.Arbitrary<OracleSeries[]> = fc
  .tuple(
    ...METRICS.map((metric) =>
      fc
        .uniqueArray(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 4 })
        .chain((sets) =>
          fc.tuple(...sets.map((labels) => TOKENS.map((values) => ({ metric, labels, values })))),
        ),
    ),
  )
  .map((lists) => lists.flat());

export function datasets(startMs: fc.Arbitrary<number>): fc.Arbitrary<Dataset> {
  return fc.record({
    name: fc.constant('generated'),
    intervalMs: fc.constantFrom(10_000, 15_000, 15_000, 30_000, 60_000),
    startMs,
    series: SERIES,
  });
}

/** Times on samples, beside them, at the edges of windows and of staleness, before and after everything. */
export const TIMES: fc.Arbitrary<(dataset: Dataset) => number> = fc
  .record({
    tick: fc.double({ min: 0, max: 1.1, noNaN: true }),
    shift: fc.constantFrom(
      ...[
        0, 0, 0, 0, 1, -1, 2500, 7500, 11_000, 16_500, 17_000, 300_000, 299_999, 300_001, 60_000,
        150_000,
      ],
    ),
  })
  .map(({ tick, shift }) => (dataset) => {
    const ticks = durationMs(dataset) / dataset.intervalMs;
    return Math.max(0, Math.round(tick * ticks) * dataset.intervalMs + shift);
  });
