import type { Dataset } from './dataset';

/** What every function is asked about: resets, gaps, markers, NaN, infinities, constants, single samples. */
const PLAIN: Dataset = {
  name: 'every kind of series, every 15 s from 0 on',
  intervalMs: 15_000,
  startMs: 0,
  series: [
    {
      metric: 'c',
      labels: { host: 'reset', job: 'x' },
      values: '3 10 20 30 5 15 25 _ _ 40 50 0 0 10 10 10 12 1 stale',
    },
    {
      metric: 'c',
      labels: { host: 'late', job: 'x' },
      values: '_ _ _ 100 110 120 130 140 150 160 170 180 190 200 210 220 230 240',
    },
    { metric: 'c', labels: { host: 'once', job: 'y' }, values: '_ _ _ _ 7' },
    { metric: 'c', labels: { host: 'flat', job: 'y' }, values: '5 5 5 5 5 5 5 5 5 5 5 5 5' },
    {
      metric: 'g',
      labels: { host: 'holes', job: 'x' },
      values: '1 2 _ 4 stale _ 6.5 7 _ _ -2 -3.5 2.5 0 0.5 _ 1 stale stale 3',
    },
    {
      metric: 'g',
      labels: { host: 'odd', job: 'x' },
      values:
        '1 NaN 2 Inf 3 -Inf 0 -0 NaN NaN 1 Inf Inf 2 1e300 1e300 -1e300 5e-324 1.7e308 1.7e308',
    },
    {
      metric: 'g',
      labels: { host: 'flat', job: 'y' },
      values: '0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1',
    },
    {
      metric: 'g',
      labels: { host: 'wide', job: 'y' },
      values: '1e16 1 -1e16 1e16 0.5 -1e16 3 1e300 1 -1e300 7 2 3 2 1 2 3 2 1',
    },
    { metric: 'up', labels: { host: 'reset', job: 'x' }, values: '1 1 1 0 0 1 _ _ 0 stale 1 1 1' },
    { metric: 'up', labels: { host: 'late', job: 'x' }, values: '1 1 1 1 1 1 1 1 1 1 1 1 1' },
    { metric: 'up', labels: { host: 'flat', job: 'y' }, values: '0 0 0 0' },
    { metric: 'huge', labels: {}, values: '1e308 0 1e308 0 1e308 0 3' },
    { metric: 'one', labels: {}, values: '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20' },
    { metric: 'lost', labels: { host: 'a' }, values: 'NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN' },
    { metric: 'lost', labels: { host: 'b' }, values: 'NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN' },
  ],
};

/** Today's timestamps: what reads the clock or fits a line meets numbers that are large. */
const TODAY: Dataset = {
  name: 'some of them, every 20 s from 2025-10-09 on',
  intervalMs: 20_000,
  startMs: 1_760_000_000_000,
  series: PLAIN.series.filter(({ metric }) => metric !== 'lost'),
};

interface Table {
  dataset: Dataset;
  /** Each text is asked at each time, in ms from the start. */
  texts: readonly string[];
  timesMs: readonly number[];
}

const RANGE_FUNCTIONS = [
  ...['avg', 'min', 'max', 'sum', 'count', 'present', 'last', 'stddev', 'stdvar', 'absent'].map(
    (name) => `${name}_over_time`,
  ),
  ...['rate', 'increase', 'delta', 'irate', 'idelta', 'changes', 'resets', 'deriv'],
];

const VALUE_FUNCTIONS = ['abs', 'ceil', 'floor', 'exp', 'ln', 'log2', 'log10', 'sqrt', 'sgn'];

const AGGREGATIONS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'];

const BINARY = ['+', '-', '*', '/', '%', '^', '==', '!=', '>', '>=', '<', '<='];

/** Before and on samples, on the left edge of a minute (60 s, 75 s) and beside it, at the end. */
const WINDOW_TIMES = [0, 15_000, 60_000, 74_999, 75_000, 75_001, 135_000, 250_000, 285_000];

/** The newest sample of `up{host="flat"}` is of 45 s: it is stale from 345 s on. */
const NEWEST_TIMES = [0, 45_000, 75_000, 140_000, 344_999, 345_000, 480_000, 2_000_000];

export const TABLES: readonly Table[] = [
  {
    // A gap at an edge counts as long from 1.1 average gaps on: here 16.5 s, before 45 s and after 255 s.
    dataset: PLAIN,
    texts: ['rate', 'increase', 'delta'].flatMap((name) =>
      ['1m', '61499ms', '61500ms', '61501ms', '62s', '65s'].map((range) => `${name}(c[${range}])`),
    ),
    timesMs: [90_000, 271_499, 271_500, 271_501, 272_000, 275_000],
  },
  {
    dataset: PLAIN,
    texts: ['rate(huge[2m])', 'increase(huge[1m])', 'irate(huge[1m])', 'avg_over_time(huge[2m])'],
    timesMs: [30_000, 60_000, 75_000, 90_000],
  },
  {
    dataset: PLAIN,
    texts: RANGE_FUNCTIONS.flatMap((name) => [`${name}(c[1m])`, `${name}(g[1m])`]),
    timesMs: WINDOW_TIMES,
  },
  {
    dataset: PLAIN,
    texts: RANGE_FUNCTIONS.flatMap((name) => [
      `${name}(g[5m] offset 30s)`,
      `${name}(c[37s] offset -15s)`,
      `${name}(c{host="once"}[15s])`,
    ]),
    timesMs: [60_000, 75_000, 270_000],
  },
  {
    dataset: TODAY,
    texts: [
      ...['rate(c[1m])', 'deriv(g[2m])', 'deriv(c[90s])', 'irate(c[45s])', 'delta(g[100s])'],
      ...['predict_linear(c[2m], 3600)', 'predict_linear(g[100s], -60)', 'timestamp(c)', 'time()'],
      ...['timestamp(c offset 1m)', 'time() - timestamp(up)', 'predict_linear(one[5m], 1e6)'],
      ...['timestamp(c + 0)', 'timestamp(timestamp(c))', 'vector(time())', 'scalar(one) - time()'],
    ],
    timesMs: [20_000, 100_000, 119_999, 160_000, 345_000],
  },
  {
    dataset: PLAIN,
    texts: [
      ...['-1', '0', '0.25', '0.5', '0.9', '1', '1.1', 'NaN', 'scalar(up{host="late"})'].map(
        (phi) => `quantile_over_time(${phi}, g[2m])`,
      ),
      ...['0', '60', '-30', 'Inf', 'time()'].map((ahead) => `predict_linear(c[1m], ${ahead})`),
      ...['predict_linear(g[2m], 10)', 'quantile_over_time(0.5, c[1m] offset 15s)'],
    ],
    timesMs: [15_000, 75_000, 140_000, 285_000],
  },
  {
    dataset: PLAIN,
    texts: [
      ...['c', 'g', 'up', 'one', 'nothing', '-g', '+g', 'g offset 30s', 'g offset -15s'],
      ...['timestamp(g)', 'timestamp(up offset 10s)', 'timestamp(-up)', 'absent(up)', 'scalar(up)'],
      ...['absent(nothing)', 'absent(up{host="late"})', 'scalar(one)', 'absent(-up)', 'time()'],
      ...['count(c)', 'group(g)', 'sum(up)', 'up == 1', 'up and g', 'vector(scalar(one))'],
    ],
    timesMs: NEWEST_TIMES,
  },
  {
    dataset: PLAIN,
    texts: [
      'absent(nothing{host="a", job!="b"})',
      'absent(nothing{host="a", host="b", job="c"})',
      'absent(nothing{host!="a", host="b"})',
      'absent(nothing{host=~"a", job=""})',
      'absent(nothing{host=~"b", host="b"})',
      'absent(nothing{host!="", host="b"})',
      'absent(nothing{host!~"a.*", host="b", job="c"})',
      'absent(nothing{host="", host!="b"})',
      'absent(nothing{host="a"} > 1)',
      'absent(sum(nothing{host="a"}))',
      'absent_over_time(nothing{host="a", job!~"b"}[5m])',
      'absent_over_time(up{host="flat"}[1m])',
      'absent_over_time(c{host="once"}[1m] offset 1m)',
      'absent(absent(up))',
      'c{host="flat"}',
      'c{host!="flat"}',
      'c{host=~"fl.*|once"}',
      'c{host=~"fl"}',
      'c{host!~".*t.*"}',
      'c{zone=""}',
      'c{zone!=""}',
      'c{zone=~".*", host=~".+"}',
      'c{job="x", host!="late"}',
      'one{host=""}',
      'c{host=~"(?i)FLAT"}',
    ],
    timesMs: [75_000, 120_000],
  },
  {
    dataset: PLAIN,
    texts: [
      ...VALUE_FUNCTIONS.flatMap((name) => [`${name}(g)`, `${name}(-c)`]),
      ...['round(g)', 'round(-g)', 'round(g, 0.5)', 'round(g, 3)', 'round(g, 0)', 'round(g, -2)'],
      ...['round(g, NaN)', 'round(c / 4)', 'round(-c / 4)', 'round(g, scalar(one))'],
      ...['clamp(g, 0, 2)', 'clamp(g, 2, 0)', 'clamp(g, NaN, 1)', 'clamp(g, -Inf, Inf)'],
      ...['clamp_min(g, 1)', 'clamp_min(g, NaN)', 'clamp_max(g, 1)', 'clamp_max(g, Inf)'],
      ...['clamp_max(g, NaN)', 'clamp(c, scalar(one), 20)', 'clamp(g, 1, NaN)', 'clamp(g, 2, 2)'],
    ],
    timesMs: [15_000, 45_000, 105_000, 180_000],
  },
  {
    dataset: PLAIN,
    texts: AGGREGATIONS.flatMap((op) => [
      `${op}(g)`,
      `${op} by (job) (c)`,
      `${op} without (host) (g)`,
      `${op} by (zone, job) (rate(c[1m]))`,
      `${op}(lost)`,
      `${op} by () (nothing)`,
    ]),
    timesMs: [0, 45_000, 75_000, 210_000, 285_000],
  },
  {
    dataset: PLAIN,
    texts: [
      ...['0', '1', '2.9', '10', '-1', 'scalar(up{host="late"})'].flatMap((k) => [
        `topk(${k}, c)`,
        `bottomk(${k}, c)`,
      ]),
      ...['topk by (job) (1, c)', 'bottomk without (host) (1, c)', 'topk(3, g)', 'bottomk(3, g)'],
      ...['-0.5', '0', '0.3', '0.5', '1', '7', 'NaN'].map((phi) => `quantile(${phi}, g)`),
      ...['quantile by (job) (0.5, c)', 'quantile(0.5, lost)', 'sum(topk(2, c))', 'topk(1, one)'],
    ],
    timesMs: [60_000, 120_000, 165_000],
  },
  {
    dataset: PLAIN,
    texts: BINARY.flatMap((op) => {
      const isComparison = /[=<>]/.test(op);
      const bool = isComparison ? `${op} bool` : op;
      return [
        ...[`c ${op} up`, `g ${op} 2`, `2 ${op} g`, `c ${op} c`, `g ${op} NaN`, `Inf ${op} g`],
        ...[`c ${bool} g`, `3 ${bool} 2`, `g ${bool} 0`, `sum(c) ${op} one`, `-8 ${bool} -Inf`],
      ];
    }),
    timesMs: [60_000, 105_000],
  },
  {
    dataset: PLAIN,
    texts: [
      ...[
        '-2 ^ 2',
        '2 ^ 3 ^ 2',
        '2 - 3 - 4',
        '-c ^ 2',
        '1 + 2 * 3 % 4',
        '-8 % 3',
        '8 % -3',
        '1 / 0',
        '1 / -0',
      ],
      ...['0 / 0', '5 % 0', '-1 ^ 0.5', '(-1) ^ Inf', '1 ^ NaN', 'NaN ^ 0', '8 / 3'],
      ...['1 > bool 2 == bool 0', '2 * c > 20', 'c > 5 < 30', '20 < c', '5 <= bool c > bool 0'],
      ...['c and up', 'c or up', 'c unless up', 'up or c and g', 'c > 10 or c < 6', 'g and c == 5'],
      ...['c and up == 1', 'c unless up == 0', 'sum(c) or one', 'one or sum(c)', 'c or vector(1)'],
      ...[
        'up or up offset 1m',
        'rate(c[1m]) or c',
        'c and nothing',
        'c or nothing',
        'nothing or c',
      ],
      ...['nothing unless c', '(c or up) > 5', '(c or up) + g', 'sum by (host) (c or g)', 'c - c'],
      ...[
        'c > up * 10',
        'c >= bool up * 10',
        'absent(c > 1000)',
        'g != g',
        'g == bool g',
        'up > up',
      ],
    ],
    timesMs: [60_000, 140_000],
  },
];
