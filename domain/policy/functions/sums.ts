/** A sum with the part that floating point lost (Kahan–Babuška–Neumaier), as Prometheus adds. */
export interface Sum {
  sum: number;
  lost: number;
}

export function addTo(into: Sum, value: number): void {
  const total = into.sum + value;
  if (!Number.isFinite(total)) into.lost = 0;
  else if (Math.abs(into.sum) >= Math.abs(value)) into.lost += into.sum - total + value;
  else into.lost += value - total + into.sum;
  into.sum = total;
}

export function totalOf({ sum, lost }: Sum): number {
  return Number.isFinite(sum) ? sum + lost : sum;
}

export function sumOf(values: Iterable<number>): number {
  const sum = { sum: 0, lost: 0 };
  for (const value of values) addTo(sum, value);
  return totalOf(sum);
}

/** The mean; where the sum would overflow it goes on with a running mean. NaN without values. */
export function meanOf(values: readonly number[]): number {
  const sum = { sum: 0, lost: 0 };
  for (let i = 0; i < values.length; i += 1) {
    const before = { ...sum };
    addTo(sum, values[i] ?? NaN);
    const isOverflow = Math.abs(sum.sum) === Infinity && Number.isFinite(before.sum);
    if (isOverflow && Number.isFinite(values[i])) return runningMean(values, i, before);
  }
  return sum.sum / values.length + sum.lost / values.length;
}

function runningMean(values: readonly number[], from: number, before: Sum): number {
  const mean = { sum: before.sum / from, lost: before.lost / from };
  for (let i = from; i < values.length; i += 1) {
    const share = i / (i + 1);
    mean.sum *= share;
    mean.lost *= share;
    addTo(mean, (values[i] ?? NaN) / (i + 1));
  }
  return mean.sum + mean.lost;
}

/** Population variance (Welford, compensated); NaN without values. */
export function varianceOf(values: readonly number[]): number {
  const mean = { sum: 0, lost: 0 };
  const squares = { sum: 0, lost: 0 };
  values.forEach((value, i) => {
    const delta = value - (mean.sum + mean.lost);
    addTo(mean, delta / (i + 1));
    addTo(squares, delta * (value - (mean.sum + mean.lost)));
  });
  return (squares.sum + squares.lost) / values.length;
}

/** The φ-quantile, interpolated between neighbours; NaN counts as the smallest. */
export function quantileOf(phi: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(phi)) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  const sorted = [...values].sort((a, b) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : a - b));
  const rank = phi * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (sorted[lower] ?? NaN) * (1 - weight) + (sorted[upper] ?? NaN) * weight;
}

export function smallestOf(values: readonly number[]): number {
  return values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least));
}

export function largestOf(values: readonly number[]): number {
  return values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most));
}
