import type { Dataset } from './dataset';

/** One label set by turns from two metrics, runs of exactly so many ticks, a marker, and NaN. */
const RUNS: Dataset = {
  name: 'runs that end just in time',
  intervalMs: 60_000,
  startMs: 0,
  series: [
    { metric: 'm', labels: { host: 'a' }, values: '0 9 9 0 9 9 9 0 0 9 9 9 9 0 9 0 0 9 9 9 9 9' },
    { metric: 'm', labels: { host: 'b' }, values: '9 9 9 9 9 stale _ 9 9 9 _ _ _ _ _ _ 9 9 9 9' },
    { metric: 'm', labels: { host: 'c' }, values: '9 NaN 9 9 9 9 NaN 9 9 0' },
    { metric: 'left', labels: { host: 'a' }, values: '1 1 0 0 1 1 0 0 1 1 0 0 0 0 1' },
    { metric: 'right', labels: { host: 'a' }, values: '0 0 1 1 0 0 1 1 0 0 1 1 1 0 0' },
    { metric: 'ends', labels: {}, values: '1 1 1' },
  ],
};

type Rule = readonly [text: string, forMs: number, keepFiringMs: number];

interface RuleTable {
  dataset: Dataset;
  tickMs: number;
  rules: readonly Rule[];
}

const S = 1000;

/** `for` and `keep_firing_for` on a tick, just beside it, and over one that has not fired. */
const DURATIONS: readonly (readonly [number, number])[] = [
  [0, 0],
  [60 * S, 0],
  [60 * S + 1, 0],
  [120 * S, 0],
  [180 * S, 0],
  [1, 0],
  [0, 1],
  [1, 1],
  [0, 60 * S],
  [60 * S, 75 * S],
  [120 * S, 60 * S],
  [120 * S, 240 * S],
  [180 * S, 120 * S],
  [0, 3600 * S],
];

const TEXTS = [
  'm > 5',
  'm{host="a"} > 5 or m{host="b"} > 5',
  'left > 0 or right > 0',
  '(left + 0) > 0 or (right + 0) > 0',
  'absent(ends)',
  'absent(ends) or absent(nothing)',
  'count(m > 5) > 1',
  'changes(m[3m]) >= 1',
  'm > 5 unless on_call',
];

export const RULE_TABLES: readonly RuleTable[] = [
  {
    dataset: RUNS,
    tickMs: 60_000,
    rules: TEXTS.flatMap((text) => DURATIONS.map(([forMs, keep]): Rule => [text, forMs, keep])),
  },
  {
    dataset: RUNS,
    tickMs: 45_000,
    rules: ['m > 5', 'left > 0 or right > 0', 'absent(ends)'].flatMap((text) =>
      DURATIONS.map(([forMs, keep]): Rule => [text, forMs, keep]),
    ),
  },
];
