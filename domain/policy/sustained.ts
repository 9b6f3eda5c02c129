import {
  isLate,
  isMeasured,
  newestIndex,
  type Freshness,
  type Sample,
  type SeriesWindow,
} from './series';
import { extend, valueAt, type Segment, type Timeline } from './timeline';

/**
 * `for D`: true once the operand has been true for that long. Until then it is false if the operand
 * was seen to be false before, and unknown where nothing is known of the time before: a window that
 * was cut, or just begun, must not look like a recovery.
 */
export function heldFor(operand: Timeline, durationMs: number): Timeline {
  const result: Segment[] = [];
  operand.forEach(({ start, value }, i) => {
    if (value !== 'true') {
      extend(result, start, value);
      return;
    }
    extend(result, start, operand[i - 1]?.value === 'false' ? 'false' : 'unknown');
    const ripe = start + durationMs;
    if (ripe < (operand[i + 1]?.start ?? Infinity)) extend(result, ripe, 'true');
  });
  return result;
}

export interface Attempts {
  count: number;
  /** Null: the median gap of each series. */
  intervalMs: number | null;
}

/**
 * `for N attempts`, for one series: the operand was true at its newest N samples, the newest fresh and
 * all within 2N intervals. False as soon as one of them does not match; with too few samples, unknown.
 * `from`: where the operand's timeline starts (see attemptsStart).
 */
export function heldForAttempts(
  operand: Timeline,
  source: SeriesWindow,
  { count, intervalMs }: Attempts,
  { lateMs, stalenessMs, from }: Freshness & { from: number },
): Timeline {
  const samples = distinctSamples(source.samples, from, lateMs);
  const windowMs = 2 * count * (intervalMs ?? medianGap(source.samples) ?? stalenessMs);
  const matches = samples.map(({ ts }) => valueAt(operand, ts));
  const result: Segment[] = [{ start: -Infinity, value: 'unknown' }];
  samples.forEach(({ ts }, i) => {
    const newest = matches.slice(Math.max(0, i + 1 - count), i + 1);
    const oldestTs = samples[i + 1 - count]?.ts ?? -Infinity;
    const hasAll = newest.length === count && newest.every((match) => match === 'true');
    const value = newest.includes('false') ? 'false' : hasAll ? 'true' : 'unknown';
    const end = ts + stalenessMs;
    const validUntil = value === 'true' ? Math.min(end, oldestTs + windowMs) : end;
    extend(result, ts, validUntil > ts ? value : 'unknown');
    if (validUntil > ts && validUntil < (samples[i + 1]?.ts ?? Infinity)) {
      extend(result, validUntil, 'unknown');
    }
  });
  return result;
}

/** The samples that count from that time on, the last of each timestamp only. */
function distinctSamples(samples: readonly Sample[], from: number, lateMs: number): Sample[] {
  const first = Math.max(0, newestIndex(samples, from, lateMs));
  const usable = samples.slice(first).filter((sample) => isMeasured(sample, lateMs));
  return usable.filter((sample, i) => sample.ts !== usable[i + 1]?.ts);
}

/** How many of the newest gaps say what a series' interval is. */
const MEASURED_GAPS = 32;

function medianGap(samples: readonly Sample[]): number | null {
  const newest = samples.slice(-MEASURED_GAPS - 1);
  const gaps = newest.slice(1).map((sample, i) => sample.ts - (newest[i]?.ts ?? sample.ts));
  return gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? null;
}

/** From when on the operand must be known, so that the newest N samples at `from` can be judged. */
export function attemptsStart(
  sources: readonly SeriesWindow[],
  count: number,
  from: number,
  lateMs: number,
): number {
  if (from === -Infinity) return from;
  let start = from;
  for (const { samples } of sources) {
    let index = newestIndex(samples, from, lateMs);
    const seen = new Set<number>();
    for (; index >= 0 && seen.size < count; index -= 1) {
      const sample = samples[index];
      if (sample !== undefined && !isLate(sample, lateMs)) seen.add(sample.ts);
    }
    for (const ts of seen) start = Math.min(start, ts);
  }
  return start;
}
