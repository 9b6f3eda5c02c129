import { quantileOf } from '../functions/sums';
import { countUpTo, type Sample } from '../series';

/** The window is cut into that many equal parts, so that noise between samples averages out. */
const BUCKETS = 10;
const MIN_SAMPLES = 10;
/** Oldest and newest sample must lie that far apart, as a share of the window. */
const MIN_COVERED = 0.8;
/** Kendall's tau from which on a series rises: with ten buckets, one dip anywhere leaves 0.6. */
const MIN_TAU = 0.6;

export type Direction = 'increasing' | 'decreasing' | 'neither';

/** Means of the parts of the window; NaN: a part without samples. Used again for every look. */
const means = new Float64Array(BUCKETS);
const counts = new Int32Array(BUCKETS);

/**
 * Where the samples in (endMs - rangeMs, endMs] are heading; null when they are too few, or cover
 * too little of the window, to say. Source: Kendall (1938).
 */
export function directionOf(
  samples: readonly Sample[],
  endMs: number,
  rangeMs: number,
): Direction | null {
  if (!fillMeans(samples, endMs, rangeMs)) return null;
  let ups = 0;
  let pairs = 0;
  for (let j = 1; j < BUCKETS; j += 1) {
    const later = means[j] ?? NaN;
    for (let i = 0; i < j; i += 1) {
      const step = later - (means[i] ?? NaN);
      if (Number.isNaN(step)) continue;
      ups += Math.sign(step);
      pairs += 1;
    }
  }
  const tau = ups / pairs;
  return tau >= MIN_TAU ? 'increasing' : tau <= -MIN_TAU ? 'decreasing' : 'neither';
}

/** Median slope between the parts of the window, per second; null as above. Source: Theil (1950), Sen (1968). */
export function slopeOf(samples: readonly Sample[], endMs: number, rangeMs: number): number | null {
  if (!fillMeans(samples, endMs, rangeMs)) return null;
  const widthSeconds = rangeMs / BUCKETS / 1000;
  const slopes: number[] = [];
  for (let j = 1; j < BUCKETS; j += 1) {
    for (let i = 0; i < j; i += 1) {
      const slope = ((means[j] ?? NaN) - (means[i] ?? NaN)) / ((j - i) * widthSeconds);
      if (!Number.isNaN(slope)) slopes.push(slope);
    }
  }
  return quantileOf(0.5, slopes);
}

/** False: the samples are too few, or cover too little of the window. */
function fillMeans(samples: readonly Sample[], endMs: number, rangeMs: number): boolean {
  const startMs = endMs - rangeMs;
  const from = countUpTo(samples, startMs);
  const to = countUpTo(samples, endMs);
  const [first, last] = [samples[from], samples[to - 1]];
  if (to - from < MIN_SAMPLES || first === undefined || last === undefined) return false;
  if (last.ts - first.ts < MIN_COVERED * rangeMs) return false;
  means.fill(0);
  counts.fill(0);
  const widthMs = rangeMs / BUCKETS;
  for (let i = from; i < to; i += 1) {
    const { ts, value } = samples[i] ?? last;
    // The window is open on the left, and so is each part of it.
    const bucket = Math.ceil((ts - startMs) / widthMs) - 1;
    means[bucket] = (means[bucket] ?? 0) + value;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (let i = 0; i < BUCKETS; i += 1) means[i] = (means[i] ?? 0) / (counts[i] ?? 0);
  return true;
}
