import { IANAZone } from 'luxon';

/**
 * Weekly hours in a time zone. All times are epoch ms; a window counts minutes of the local day.
 *
 * Where clocks change, a local time stands for these instants:
 * - one that does not exist (clocks go forward over it): the first instant after the gap;
 * - one that occurs twice (clocks go back over it): a window starts at its first occurrence and
 *   ends at its last one.
 * So a window may be longer or shorter that day, and one that lies in the gap alone is empty.
 */
export interface Schedule {
  /** IANA name, e.g. `Europe/Paris`; `UTC`. */
  timezone: string;
  /** Active while any of them is. */
  active: WeeklyWindow[];
}

/**
 * From `startMinute` (0..1439) until just before `endMinute` (0..1440) of the local day. An end at
 * or before the start is of the next day: the window belongs to the day on which it starts.
 */
export interface WeeklyWindow {
  /** 1 = Monday .. 7 = Sunday, ascending. */
  days: number[];
  startMinute: number;
  endMinute: number;
}

interface Span {
  start: number;
  end: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** No window reaches further than into the next day, and no change of clocks moves more than a day. */
const MARGIN_DAYS = 2;

/**
 * A change recurs weekly, and the one that a change of clocks swallows comes back the week after;
 * what stays active beyond that is always active.
 */
const HORIZON_DAYS = 15;

/** Whether a name is one of a time zone that this runtime knows. Offsets such as `+02:00` are none. */
export function isTimeZone(name: string): boolean {
  return /^[A-Za-z]/.test(name) && IANAZone.isValidZone(name);
}

/** Whether one of the windows is open at that time. */
export function isActive(schedule: Schedule, at: number): boolean {
  return spansAround(schedule, at, 0).some((span) => contains(span, at));
}

/** The next moment after `at` at which `isActive` changes; null: never. */
export function nextChange(schedule: Schedule, at: number): number | null {
  const spans = spansAround(schedule, at, HORIZON_DAYS);
  const open = spans.find((span) => contains(span, at));
  if (open === undefined) return spans.find(({ start }) => start > at)?.start ?? null;
  return open.end - at > HORIZON_DAYS * DAY_MS ? null : open.end;
}

/** A schedule that is not active: how it is written, and when it opens; null: never. */
interface Closed {
  schedule: string;
  opensAt: number | null;
}

/** What keeps something with that schedule from happening now; without a schedule, nothing. */
export function closedAt(schedule: Schedule | undefined, at: number): Closed | null {
  if (schedule === undefined || isActive(schedule, at)) return null;
  return { schedule: formatSchedule(schedule), opensAt: nextChange(schedule, at) };
}

function contains({ start, end }: Span, at: number): boolean {
  return start <= at && at < end;
}

/** When windows are open from around `at` until some days later: merged, in order. */
function spansAround(schedule: Schedule, at: number, daysAhead: number): Span[] {
  const zone = IANAZone.create(schedule.timezone);
  const today = Math.floor(localAt(zone, at) / DAY_MS) * DAY_MS;
  const spans: Span[] = [];
  for (let day = -MARGIN_DAYS; day <= daysAhead + MARGIN_DAYS; day += 1) {
    const midnight = today + day * DAY_MS;
    for (const window of schedule.active) {
      if (window.days.includes(weekdayOf(midnight))) spans.push(spanOn(zone, midnight, window));
    }
  }
  return merged(spans.filter(({ start, end }) => start < end));
}

function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last === undefined || span.start > last.end) result.push({ ...span });
    else last.end = Math.max(last.end, span.end);
  }
  return result;
}

/** The window that starts on the local day that begins at `midnight`. */
function spanOn(zone: IANAZone, midnight: number, { startMinute, endMinute }: WeeklyWindow): Span {
  const endDay = endMinute <= startMinute ? midnight + DAY_MS : midnight;
  return {
    start: instantOf(zone, midnight + startMinute * MINUTE_MS, 'first'),
    end: instantOf(zone, endDay + endMinute * MINUTE_MS, 'last'),
  };
}

/** A local time is written as the epoch ms at which UTC's clocks show it. */
function localAt(zone: IANAZone, at: number): number {
  return at + zone.offset(at) * MINUTE_MS;
}

function weekdayOf(local: number): number {
  return new Date(local).getUTCDay() || 7;
}

/** The instant for which a local time stands: that occurrence, or the first instant after its gap. */
function instantOf(zone: IANAZone, local: number, occurrence: 'first' | 'last'): number {
  const [before, after] = [zone.offset(local - DAY_MS), zone.offset(local + DAY_MS)];
  if (before === after) return local - before * MINUTE_MS;
  // Clocks changed somewhere between.
  const candidates = [before, after]
    .map((offset) => local - offset * MINUTE_MS)
    .sort((a, b) => a - b);
  const occurrences = candidates.filter((at) => localAt(zone, at) === local);
  const found = occurrence === 'first' ? occurrences[0] : occurrences.at(-1);
  return (
    found ?? endOfGap(zone, local, { start: candidates[0] ?? local, end: candidates[1] ?? local })
  );
}

/** When clocks went forward over a local time; it lies after the start of `within`, at its end at the latest. */
function endOfGap(zone: IANAZone, local: number, within: Span): number {
  let { start, end } = within;
  while (end - start > 1) {
    const middle = Math.floor((start + end) / 2);
    if (localAt(zone, middle) < local) start = middle;
    else end = middle;
  }
  return end;
}

const DAY_NAMES = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** As a manifest writes it: `Mon-Fri 08:00-20:00, Sat 10:00-14:00 Europe/Paris`. */
export function formatSchedule({ timezone, active }: Schedule): string {
  const windows = active.map(
    ({ days, startMinute, endMinute }) =>
      `${formatDays(days)} ${formatMinute(startMinute)}-${formatMinute(endMinute)}`,
  );
  return `${windows.join(', ')} ${timezone}`;
}

/** `daily`, `Mon-Fri`, `Sat,Sun`, `Fri-Mon`: three days or more in a row are a range. */
function formatDays(days: readonly number[]): string {
  if (days.length === DAY_NAMES.length) return 'daily';
  const previous = (day: number): number => (day === 1 ? 7 : day - 1);
  const next = (day: number): number => (day === 7 ? 1 : day + 1);
  return days
    .filter((day) => !days.includes(previous(day)))
    .map((first) => {
      const run = [first];
      for (let day = next(first); days.includes(day); day = next(day)) run.push(day);
      const names = run.map((day) => DAY_NAMES[day - 1] ?? '');
      return names.length < 3 ? names.join(',') : `${names[0] ?? ''}-${names.at(-1) ?? ''}`;
    })
    .join(',');
}

function formatMinute(minute: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
