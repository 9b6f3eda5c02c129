import { newestIndex, type Sample } from '../series';
import type { Read } from './program';

/** Where the value of an expression that reads the clock is looked at, besides at its samples. */
const CLOCK_MS = 10_000;
const MAX_CLOCK_MS = 2000 * CLOCK_MS;
/** So many changes that lie ahead are looked at; whoever needs more comes back at the last of them. */
const MAX_AHEAD = 3;
/** So many of the newest changes are looked at when nothing is known before: more than any window in use has. */
const MAX_BEHIND = 50_000;
const MAX_TICKS = 100_000;

export interface InstantsInput {
  reads: readonly Read[];
  /** Epoch ms; -Infinity: everything that is known. */
  from: number;
  now: number;
  /** The expression reads the clock, so that its value changes without samples. */
  usesClock: boolean;
  /** Look only at multiples of it, as a rule evaluator with that interval does; null: at every change. */
  tickMs: number | null;
  /** Epoch ms of the first of these looks. */
  ticksFrom: number;
}

export interface Instants {
  /** Ascending; the first is the last one at or before `from`, if there is any. */
  times: readonly number[];
  /** Null: nothing changes after the last of `times` without new samples. */
  nextUnseen: number | null;
}

/**
 * When a value may change: a sample comes, leaves its window, or grows stale. Between two of these
 * the value at the earlier one counts, so that windows in memory and from storage, looked at at
 * whatever time, say the same.
 */
export function instantsOf(input: InstantsInput): Instants {
  const { reads, now, tickMs } = input;
  if (tickMs !== null) return ticks(input, tickMs);
  const found: number[] = [];
  for (const read of reads) collect(read, input.from, found);
  const clock = input.usesClock ? clockTimes(input) : [];
  found.push(...clock);
  const sorted = distinct(found.sort((a, b) => a - b));
  const first = Math.max(0, lastAtOrBefore(sorted, input.from));
  const behind = lastAtOrBefore(sorted, now) + 1;
  const start = input.from === -Infinity ? Math.max(first, behind - MAX_BEHIND) : first;
  const times = sorted.slice(start, behind + MAX_AHEAD);
  const ends = [sorted[behind + MAX_AHEAD], clock.at(-1)].flatMap((end) => end ?? []);
  return { times, nextUnseen: ends.length === 0 ? null : Math.min(...ends) };
}

/** What happens after `from`, and the last of each kind at or before it. */
function collect(read: Read, from: number, found: number[]): void {
  const { samples, offsetMs, keepMs, isWindow } = read;
  const entersAfter = from - offsetMs;
  const first = lastCounting(read, isWindow ? entersAfter - keepMs : entersAfter);
  const firstEntering = isWindow ? lastCounting(read, entersAfter) : first;
  let last: Sample | null = null;
  for (let i = first; i < samples.length; i += 1) {
    const sample = samples[i];
    if (sample === undefined || sample.receivedAt - sample.ts > read.lateMs) continue;
    if (i >= firstEntering) found.push(sample.ts + offsetMs);
    if (isWindow) found.push(sample.ts + offsetMs + keepMs);
    else if (last !== null && sample.ts - last.ts > keepMs) found.push(last.ts + offsetMs + keepMs);
    last = sample;
  }
  if (!isWindow && last !== null) found.push(last.ts + offsetMs + keepMs);
}

/** Index of the newest sample at or before that time that was not late, or 0. */
function lastCounting({ samples, lateMs }: Read, time: number): number {
  return Math.max(0, newestIndex(samples, time, lateMs));
}

function distinct(sorted: number[]): number[] {
  let kept = 0;
  for (const time of sorted) {
    if (kept > 0 && sorted[kept - 1] === time) continue;
    sorted[kept] = time;
    kept += 1;
  }
  sorted.length = kept;
  return sorted;
}

/** Index of the last time that is not after `at`, or -1. */
function lastAtOrBefore(sorted: readonly number[], at: number): number {
  let index = sorted.length - 1;
  while (index >= 0 && (sorted[index] ?? 0) > at) index -= 1;
  return index;
}

function clockTimes({ reads, from, now }: InstantsInput): number[] {
  const start = Math.max(from, Math.min(earliest(reads), now), now - MAX_CLOCK_MS);
  const times: number[] = [];
  const first = Math.floor(start / CLOCK_MS) * CLOCK_MS;
  for (let time = first; time <= now + CLOCK_MS; time += CLOCK_MS) times.push(time);
  return times;
}

/** Counted from the first look of all on, as tests of rules count their time. */
function ticks({ from, now, ticksFrom }: InstantsInput, tickMs: number): Instants {
  const last = Math.floor((now - ticksFrom) / tickMs);
  const known = from === -Infinity ? 0 : Math.floor((from - ticksFrom) / tickMs);
  const times: number[] = [];
  for (let tick = Math.max(known, last - MAX_TICKS); tick <= last; tick += 1) {
    times.push(ticksFrom + tick * tickMs);
  }
  return { times, nextUnseen: ticksFrom + (last + 1) * tickMs };
}

function earliest(reads: readonly Read[]): number {
  return reads.reduce((least, read) => {
    const ts = read.samples[0]?.ts;
    return ts === undefined ? least : Math.min(least, ts + read.offsetMs);
  }, Infinity);
}
