import { sampleAt, type Window, type WindowFunction } from './window';

/** Functions that compare samples of a window with each other, as Prometheus 3 computes them. */
export const RATE: Readonly<Record<string, WindowFunction>> = {
  rate: (window) => extrapolated(window, { isCounter: true, isPerSecond: true }),
  increase: (window) => extrapolated(window, { isCounter: true, isPerSecond: false }),
  delta: (window) => extrapolated(window, { isCounter: false, isPerSecond: false }),
  irate: (window) => newestStep(window, true),
  idelta: (window) => newestStep(window, false),
  changes: (window) => countSteps(window, isChange),
  resets: (window) => countSteps(window, (before, after) => after < before),
};

/** A gap at an edge up to that many average gaps is filled to the edge, a longer one by half a gap. */
const EDGE_GAPS = 1.1;

/** The change over the window, stretched to its edges; a counter's resets are added, and it never starts below 0. */
function extrapolated(
  window: Window,
  { isCounter, isPerSecond }: { isCounter: boolean; isPerSecond: boolean },
): number | null {
  const { from, to, startMs, endMs } = window;
  if (to - from < 2) return null;
  const first = sampleAt(window, from);
  const last = sampleAt(window, to - 1);
  const plain = last.value - first.value;
  const change = isCounter ? withResets(window, plain) : plain;
  const sampled = (last.ts - first.ts) / 1000;
  const gap = sampled / (to - from - 1);
  const edge = (distance: number): number => (distance >= gap * EDGE_GAPS ? gap / 2 : distance);
  let toStart = edge((first.ts - startMs) / 1000);
  if (isCounter && change > 0 && first.value >= 0) {
    toStart = Math.min(toStart, sampled * (first.value / change));
  }
  const toEnd = edge((endMs - last.ts) / 1000);
  const factor = (sampled + toStart + toEnd) / sampled;
  return change * (isPerSecond ? factor / ((endMs - startMs) / 1000) : factor);
}

/** Adds what was lost in resets, in Prometheus' order, since sums round and overflow by their order. */
function withResets({ samples, from, to }: Window, change: number): number {
  let total = change;
  for (let i = from + 1; i < to; i += 1) {
    const before = samples[i - 1]?.value ?? NaN;
    if ((samples[i]?.value ?? NaN) < before) total += before;
  }
  return total;
}

function newestStep(window: Window, isRate: boolean): number | null {
  if (window.to - window.from < 2) return null;
  const before = sampleAt(window, window.to - 2);
  const after = sampleAt(window, window.to - 1);
  const isReset = isRate && after.value < before.value;
  const step = isReset ? after.value : after.value - before.value;
  return isRate ? step / ((after.ts - before.ts) / 1000) : step;
}

function isChange(before: number, after: number): boolean {
  return before !== after && !(Number.isNaN(before) && Number.isNaN(after));
}

function countSteps(
  { samples, from, to }: Window,
  counts: (before: number, after: number) => boolean,
): number {
  let count = 0;
  for (let i = from + 1; i < to; i += 1) {
    if (counts(samples[i - 1]?.value ?? NaN, samples[i]?.value ?? NaN)) count += 1;
  }
  return count;
}
