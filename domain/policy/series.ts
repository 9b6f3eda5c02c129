import type { Matcher, Selector } from './ast';
import { matchesWhole } from './regex';

/** Times are epoch ms. */
export interface Sample {
  ts: number;
  value: number;
  receivedAt: number;
  /** A marker that the series ended here, as Prometheus sends it; its value says nothing. */
  isStale?: true;
}

/** What is known of one series. `samples` ascend by ts. */
export interface SeriesWindow {
  name: string;
  tags: Record<string, string>;
  samples: readonly Sample[];
  /** It belongs to another resource: only a selector that names one reads it. */
  isForeign?: true;
}

/** Which samples count: both limits in milliseconds. */
export interface Freshness {
  /** A sample speaks for that long. */
  stalenessMs: number;
  /** A sample received later than that after its timestamp never counts. */
  lateMs: number;
}

export const DEFAULT_STALENESS_MS = 300_000;
export const DEFAULT_LATE_MS = 60_000;

const NAMES_RESOURCE: ReadonlySet<string> = new Set(['resource', 'service', 'host']);

/** A selector means the target's own series unless it says whose it means. */
export function namesResource(selector: Selector): boolean {
  return selector.matchers.some(({ label }) => NAMES_RESOURCE.has(label));
}

/** An absent label counts as the empty string. */
export function matchesSelector(
  selector: Selector,
  series: Pick<SeriesWindow, 'name' | 'isForeign'> & { tags: Readonly<Record<string, string>> },
): boolean {
  if (series.name !== selector.metric) return false;
  if (series.isForeign === true && !namesResource(selector)) return false;
  return selector.matchers.every((matcher) => matches(matcher, series.tags[matcher.label] ?? ''));
}

function matches({ op, value }: Matcher, text: string): boolean {
  switch (op) {
    case '=':
      return text === value;
    case '!=':
      return text !== value;
    case '=~':
      return matchesWhole(value, text);
    case '!~':
      return !matchesWhole(value, text);
  }
}

const keys = new WeakMap<object, string>();

/** Equal for equal label sets, whatever their order. */
export function labelSetKey(tags: Readonly<Record<string, string>>): string {
  const known = keys.get(tags);
  if (known !== undefined) return known;
  const key = JSON.stringify(sortedTags(tags));
  keys.set(tags, key);
  return key;
}

export function sortedTags(tags: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The series a selector reads, in an order that does not depend on their arrival. */
export function selected(selector: Selector, series: readonly SeriesWindow[]): SeriesWindow[] {
  const found = series.filter((one) => matchesSelector(selector, one));
  if (found.length < 2) return found;
  return found.sort((a, b) => (labelSetKey(a.tags) < labelSetKey(b.tags) ? -1 : 1));
}

/** Index of the newest sample at or before that time that was not late, or -1. */
export function newestIndex(samples: readonly Sample[], time: number, lateMs: number): number {
  let index = countUpTo(samples, time) - 1;
  while (index >= 0 && isLate(samples[index], lateMs)) index -= 1;
  return index;
}

/** How many samples stand at or before that time. */
export function countUpTo(samples: readonly Sample[], time: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.ts ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isLate(sample: Sample | undefined, lateMs: number): boolean {
  return sample !== undefined && sample.receivedAt - sample.ts > lateMs;
}

/** Neither late nor a marker that the series ended. */
export function isMeasured(sample: Sample, lateMs: number): boolean {
  return sample.isStale !== true && sample.receivedAt - sample.ts <= lateMs;
}

/**
 * The samples after `time` that measure something: the same array where all do, so that the plain
 * case costs no copy, and nothing older is looked at.
 */
export function measuredAfter(
  samples: readonly Sample[],
  time: number,
  lateMs: number,
): readonly Sample[] {
  const first = countUpTo(samples, time);
  for (let i = first; i < samples.length; i += 1) {
    const sample = samples[i];
    if (sample !== undefined && !isMeasured(sample, lateMs)) {
      return samples.slice(first).filter((one) => isMeasured(one, lateMs));
    }
  }
  return samples;
}
