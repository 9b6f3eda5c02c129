import { addTo, totalOf } from './sums';
import { sampleAt, type Window, type WindowFunction } from './window';

/** Functions over the line of least squares through a window, as Prometheus 3 computes them. */
export const REGRESSION: Readonly<Record<string, WindowFunction>> = {
  deriv: (window) =>
    window.to - window.from < 2
      ? null
      : lineThrough(window, sampleAt(window, window.from).ts).slope,
  predict_linear(window, [aheadSeconds = NaN]) {
    if (window.to - window.from < 2) return null;
    const { slope, intercept } = lineThrough(window, window.atMs);
    return slope * aheadSeconds + intercept;
  },
};

/** Slope per second, and the value at `originMs`. */
function lineThrough(window: Window, originMs: number): { slope: number; intercept: number } {
  const { from, to } = window;
  const first = sampleAt(window, from).value;
  const sums = [0, 1, 2, 3].map(() => ({ sum: 0, lost: 0 }));
  let isFlat = true;
  for (let i = from; i < to; i += 1) {
    const { ts, value } = sampleAt(window, i);
    if (value !== first) isFlat = false;
    const x = (ts - originMs) / 1000;
    [x, value, x * value, x * x].forEach((term, s) => {
      addTo(sums[s] ?? { sum: 0, lost: 0 }, term);
    });
  }
  if (isFlat) {
    return Number.isFinite(first) ? { slope: 0, intercept: first } : { slope: NaN, intercept: NaN };
  }
  const [x = NaN, y = NaN, xy = NaN, xx = NaN] = sums.map(totalOf);
  const n = to - from;
  const slope = (xy - (x * y) / n) / (xx - (x * x) / n);
  return { slope, intercept: y / n - (slope * x) / n };
}
