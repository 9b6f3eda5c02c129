import type { Sample } from '../series';

/**
 * The samples of one series that a range selector sees at a time: `samples[from..to-1]`, with
 * timestamps in (startMs, endMs]. At least one; one object is used again for every look.
 */
export interface Window {
  samples: readonly Sample[];
  from: number;
  to: number;
  startMs: number;
  endMs: number;
  /** The time of evaluation: endMs plus the selector's offset. */
  atMs: number;
}

/** A function over a window and the scalars of the call; null: no value for this series now. */
export type WindowFunction = (window: Window, args: readonly number[]) => number | null;

export function valuesOf({ samples, from, to }: Window): number[] {
  const values: number[] = [];
  for (let i = from; i < to; i += 1) values.push(samples[i]?.value ?? NaN);
  return values;
}

/** The sample at an index that is known to exist. */
export function sampleAt({ samples }: Window, index: number): Sample {
  const sample = samples[index];
  if (sample === undefined) throw new RangeError(`no sample ${index} in the window`);
  return sample;
}
