import type { Sample, SeriesWindow } from '../../domain/policy/series';

/** One series: a token per interval, separated by blanks: a number, NaN, Inf, `_` (a gap) or `stale`. */
export interface OracleSeries {
  metric: string;
  labels: Record<string, string>;
  values: string;
}

/** What a rule test of Prometheus loads; times of cases count from `startMs` (epoch ms). */
export interface Dataset {
  name: string;
  intervalMs: number;
  startMs: number;
  series: readonly OracleSeries[];
}

const known = new WeakMap<Dataset, SeriesWindow[]>();

/** As Vigil keeps them: received the moment they were measured. */
export function windowsOf(dataset: Dataset): readonly SeriesWindow[] {
  const windows = known.get(dataset) ?? readWindows(dataset);
  known.set(dataset, windows);
  return windows;
}

function readWindows({ series, intervalMs, startMs }: Dataset): SeriesWindow[] {
  return series.map(({ metric, labels, values }) => ({
    name: metric,
    tags: labels,
    samples: tokensOf(values).flatMap((token, i): Sample[] => {
      const ts = startMs + i * intervalMs;
      if (token === '_') return [];
      if (token === 'stale') return [{ ts, value: NaN, receivedAt: ts, isStale: true }];
      return [{ ts, value: numberOf(token), receivedAt: ts }];
    }),
  }));
}

export function tokensOf(values: string): string[] {
  return values.split(' ').filter((token) => token !== '');
}

/** When the last token of the longest series stands, in ms from the start. */
export function durationMs({ series, intervalMs }: Dataset): number {
  return Math.max(0, ...series.map(({ values }) => tokensOf(values).length - 1)) * intervalMs;
}

/** `h{host="a"}`, as a rule test names a series. */
export function seriesName({ metric, labels }: OracleSeries): string {
  const inner = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${metric}{${inner.join(',')}}`;
}

/** A number as Go and promtool write it. */
export function numberOf(token: string): number {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/.exec(token) ?? [];
  const size = rest === 'Inf' ? Infinity : Number(rest);
  return sign === '-' ? -size : size;
}

/** The same the other way round. */
export function tokenOf(value: number): string {
  if (Math.abs(value) === Infinity) return value < 0 ? '-Inf' : 'Inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
