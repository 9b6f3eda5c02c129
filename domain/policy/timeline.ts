import type { VerdictValue } from './policy';

/** From `start` (epoch ms) on, `value` holds, until the next segment. */
export interface Segment {
  start: number;
  value: VerdictValue;
}

/**
 * What an expression says over time: ascending, neighbours differ, the last segment has no end.
 * The first starts where the evaluation starts (-Infinity for everything that is known).
 */
export type Timeline = readonly Segment[];

/** Appends in order of time; a second value for the same start replaces the first. */
export function extend(timeline: Segment[], start: number, value: VerdictValue): void {
  if (timeline.at(-1)?.start === start) timeline.pop();
  if (timeline.at(-1)?.value !== value) timeline.push({ start, value });
}

/** Index of the segment in force at that time; 0 for a time before the first. */
export function indexAt(timeline: Timeline, time: number): number {
  let low = 0;
  let high = timeline.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((timeline[middle]?.start ?? Infinity) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function valueAt(timeline: Timeline, time: number): VerdictValue {
  return timeline[indexAt(timeline, time)]?.value ?? 'unknown';
}

/** The same without what lies before `from`. */
export function clip(timeline: Timeline, from: number): Timeline {
  const index = indexAt(timeline, from);
  const first = timeline[index];
  if (first === undefined || (index === 0 && first.start >= from)) return timeline;
  return [{ start: from, value: first.value }, ...timeline.slice(index + 1)];
}

/** Folds the values of several timelines at each time; without any, the fold of nothing. */
export function combine(
  timelines: readonly Timeline[],
  from: number,
  fold: (values: readonly VerdictValue[]) => VerdictValue,
): Timeline {
  const starts = new Set([from]);
  for (const timeline of timelines) {
    for (const { start } of timeline) if (start > from) starts.add(start);
  }
  const cursors = timelines.map(() => 0);
  const values = timelines.map((timeline): VerdictValue => timeline[0]?.value ?? 'unknown');
  const result: Segment[] = [];
  for (const time of [...starts].sort((a, b) => a - b)) {
    timelines.forEach((timeline, i) => {
      let cursor = cursors[i] ?? 0;
      while ((timeline[cursor + 1]?.start ?? Infinity) <= time) cursor += 1;
      cursors[i] = cursor;
      values[i] = timeline[cursor]?.value ?? 'unknown';
    });
    extend(result, time, fold(values));
  }
  return result;
}

/** Several label sets make one verdict: true if any is, else false if any is, else unknown. */
export function anyOf(values: readonly VerdictValue[]): VerdictValue {
  if (values.includes('true')) return 'true';
  return values.includes('false') ? 'false' : 'unknown';
}

export function and(values: readonly VerdictValue[]): VerdictValue {
  if (values.includes('false')) return 'false';
  return values.includes('unknown') ? 'unknown' : 'true';
}

export function or(values: readonly VerdictValue[]): VerdictValue {
  if (values.includes('true')) return 'true';
  return values.includes('unknown') ? 'unknown' : 'false';
}

const NEGATION = { true: 'false', false: 'true', unknown: 'unknown' } as const;

export function not(value: VerdictValue): VerdictValue {
  return NEGATION[value];
}
