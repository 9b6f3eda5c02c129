import { addTo, largestOf, meanOf, quantileOf, smallestOf, totalOf, varianceOf } from './sums';
import { sampleAt, valuesOf, type Window, type WindowFunction } from './window';

/** The family `*_over_time`, as Prometheus 3 computes it. */
export const OVER_TIME: Readonly<Record<string, WindowFunction>> = {
  avg_over_time: average,
  min_over_time: (window) => smallestOf(valuesOf(window)),
  max_over_time: (window) => largestOf(valuesOf(window)),
  sum_over_time: sum,
  count_over_time: ({ from, to }) => to - from,
  present_over_time: () => 1,
  last_over_time: (window) => sampleAt(window, window.to - 1).value,
  stddev_over_time: (window) => Math.sqrt(varianceOf(valuesOf(window))),
  stdvar_over_time: (window) => varianceOf(valuesOf(window)),
  quantile_over_time: (window, [phi = NaN]) => quantileOf(phi, valuesOf(window)),
};

function sum({ samples, from, to }: Window): number {
  const total = { sum: 0, lost: 0 };
  for (let i = from; i < to; i += 1) addTo(total, samples[i]?.value ?? NaN);
  return totalOf(total);
}

/** The common case without an array of values: the mean is what most policies ask for. */
function average(window: Window): number {
  const { samples, from, to } = window;
  const total = { sum: 0, lost: 0 };
  for (let i = from; i < to; i += 1) addTo(total, samples[i]?.value ?? NaN);
  const count = to - from;
  return Number.isFinite(total.sum)
    ? total.sum / count + total.lost / count
    : meanOf(valuesOf(window));
}
