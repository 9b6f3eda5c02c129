import type { VerdictValue } from './policy';
import { indexAt, type Timeline } from './timeline';

/** A stretch of time with one verdict; `since` is where its run began, which may be before `start`. */
export interface Stretch {
  start: number;
  value: VerdictValue;
  since: number;
}

export interface LatchOptions {
  /** The condition's trailing `for`: only what has fired is held. */
  forMs: number;
  keepFiringMs: number;
  /** What clears it, over time; null: the condition's negation. */
  clear: Timeline | null;
  /** The run that was true where the timeline starts; null: none was. */
  initial: { since: number; hasFired?: boolean } | null;
  now: number;
}

export interface Latched {
  stretches: Stretch[];
  /** Since when what has fired is held at `now`, also while nothing is known; null: nothing is held. */
  heldSince: number | null;
}

interface Held {
  since: number;
  hasFired: boolean;
  /** First evaluation of the present run of clear ones. */
  clearFrom: number | null;
}

/**
 * Hysteresis: a condition that has fired stays true until it clears, and for keepFiringMs after the
 * first evaluation that did not match. One that has not held for forMs yet ends at once. Without
 * data it is unknown, but what was held is not forgotten.
 */
export function latch(condition: Timeline, options: LatchOptions): Latched {
  const { initial, forMs, now } = options;
  const first = condition[0]?.start ?? -Infinity;
  let held: Held | null =
    initial === null
      ? null
      : {
          since: initial.since,
          hasFired: initial.hasFired ?? initial.since + forMs < first,
          clearFrom: null,
        };
  let heldSince: number | null = null;
  const stretches: Stretch[] = [];
  const starts = mergedStarts(condition, options.clear);
  starts.forEach((start, i) => {
    const end = starts[i + 1] ?? Infinity;
    const value = condition[indexAt(condition, start)]?.value ?? 'unknown';
    const isClear = clearAt(value, start, options.clear);
    held = step(held, { start, end, value, isClear }, { options, stretches });
    if (start <= now) heldSince = heldAt(now, held, { options, stretches });
  });
  return { stretches, heldSince };
}

function heldAt(now: number, held: Held | null, { options, stretches }: Stepping): number | null {
  const present = stretches.findLast(({ start }) => start <= now);
  if (present?.value === 'true') {
    return present.since + options.forMs <= now ? present.since : null;
  }
  return present?.value === 'unknown' && held?.hasFired === true ? held.since : null;
}

interface Interval {
  start: number;
  end: number;
  value: VerdictValue;
  isClear: boolean;
}

interface Stepping {
  options: LatchOptions;
  stretches: Stretch[];
}

/** What is held after the interval; its stretches are appended. */
function step(held: Held | null, interval: Interval, stepping: Stepping): Held | null {
  const { start, end, value } = interval;
  const { options, stretches } = stepping;
  if (value === 'true') {
    const since = held?.since ?? start;
    append(stretches, { start, value, since });
    const hasFired = held?.hasFired === true || since + options.forMs < end;
    return { since, hasFired, clearFrom: null };
  }
  if (held?.hasFired === true) return release(held, interval, stepping);
  append(stretches, { start, value, since: start });
  return null;
}

/** What has fired and no longer matches: it stays until it is clear, and then for keepFiringMs. */
function release(
  held: Held,
  { start, end, value, isClear }: Interval,
  { options, stretches }: Stepping,
): Held | null {
  if (!isClear) {
    const stays = value === 'false' && options.clear !== null;
    const shown = stays ? 'true' : 'unknown';
    append(stretches, { start, value: shown, since: stays ? held.since : start });
    return { ...held, clearFrom: null };
  }
  const clearFrom = held.clearFrom ?? start;
  const endsAt = Math.max(start, clearFrom + options.keepFiringMs);
  if (endsAt > start) append(stretches, { start, value: 'true', since: held.since });
  if (endsAt >= end) return { ...held, clearFrom };
  append(stretches, { start: endsAt, value, since: endsAt });
  return null;
}

function clearAt(value: VerdictValue, time: number, clear: Timeline | null): boolean {
  if (clear === null) return value === 'false';
  return clear[indexAt(clear, time)]?.value === 'true';
}

function append(stretches: Stretch[], next: Stretch): void {
  const last = stretches.at(-1);
  if (last?.value !== next.value || (next.value === 'true' && last.since !== next.since)) {
    stretches.push(next);
  }
}

function mergedStarts(condition: Timeline, clear: Timeline | null): number[] {
  const first = condition[0]?.start ?? -Infinity;
  const later = (clear ?? []).map(({ start }) => start).filter((start) => start > first);
  const starts = new Set([...condition.map(({ start }) => start), ...later]);
  return [...starts].sort((a, b) => a - b);
}
