import { z } from 'zod';
import { isTimeZone, type Schedule, type WeeklyWindow } from '../../domain/calendar';
import { suggest } from '../problem';
import { check, counted, label, printed, type Context } from './shape';
import type { Path } from './source';

const timezone = z.string().default('UTC');
export const scheduleSchema = z.strictObject({ timezone, active: z.array(z.unknown()) });
export const recurringSchema = z.strictObject({ timezone, windows: z.array(z.unknown()) });

/** Monday first. */
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const DAILY = 'daily';
const SHORT = 3;

const EXAMPLE = '"Mon-Fri 08:00-20:00"';
const TIME = /^(\d{1,2}):(\d{2})$/;
const LAST_MINUTE = 24 * 60;

/** A part of a window's text, and how many characters into it it stands. */
interface Part {
  text: string;
  at: number;
}

type Complain = (part: Part, message: string) => void;

/** `{ timezone, active: [..] }`; null without one, and after reporting what is wrong. */
export function compileSchedule(value: unknown, path: Path, context: Context): Schedule | null {
  if (value === undefined) return null;
  const data = check(scheduleSchema, value, { path, context });
  if (data === null) return null;
  const { timezone, active } = data;
  const where = { path, list: 'active', whenEmpty: 'the policy never acts' };
  return compileWeekly({ timezone, windows: active }, where, context);
}

/** The same for what comes back every week: `{ timezone, windows: [..] }`. */
export function compileRecurring(value: unknown, path: Path, context: Context): Schedule | null {
  if (value === undefined) return null;
  const data = check(recurringSchema, value, { path, context });
  const where = { path, list: 'windows', whenEmpty: 'it never opens' };
  return data && compileWeekly(data, where, context);
}

function compileWeekly(
  { timezone, windows }: z.output<typeof recurringSchema>,
  { path, list, whenEmpty }: { path: Path; list: string; whenEmpty: string },
  outer: Context,
): Schedule | null {
  const { context, isFaulty } = counted(outer);
  if (!isTimeZone(timezone)) {
    const message = `unknown time zone ${printed(timezone)}${hintOf(timezone)}`;
    context.report([...path, 'timezone'], message);
  }
  const at = [...path, list];
  if (windows.length === 0) {
    context.report(at, `"${list}" is empty: ${whenEmpty}; write hours such as ${EXAMPLE}`);
  }
  const active = windows.map((text, i) => compileWindow(text, [...at, i], context));
  if (isFaulty()) return null;
  return { timezone, active: active.filter((window) => window !== null) };
}

/** The zone that was meant, by its name or by its city alone. */
function hintOf(name: string): string {
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];
  const city = name.trim().replaceAll(' ', '_').toLowerCase();
  const named = zones.find((zone) => zone.toLowerCase().endsWith(`/${city}`));
  if (named !== undefined) return `; did you mean "${named}"?`;
  return suggest(name, zones) || '; write a name such as Europe/Paris or UTC';
}

/** `Mon-Fri 08:00-20:00`: days before the first digit, hours from there on. */
function compileWindow(value: unknown, path: Path, context: Context): WeeklyWindow | null {
  if (typeof value !== 'string') {
    context.report(path, `${label(path)} must be text such as ${EXAMPLE}, not ${printed(value)}`);
    return null;
  }
  const complain: Complain = ({ at }, message) => {
    context.report(path, message, { part: 'value', offset: at });
  };
  const digit = value.search(/\d/);
  const split = digit < 0 ? value.length : digit;
  const days = readDays(trimmed({ text: value.slice(0, split), at: 0 }), complain);
  const hours = readHours(trimmed({ text: value.slice(split), at: split }), complain);
  return days && hours && { days, ...hours };
}

function readDays(part: Part, complain: Complain): number[] | null {
  if (part.text === '') {
    complain(part, `the days are missing; write such as ${EXAMPLE} or "daily 08:00-20:00"`);
    return null;
  }
  const items = splitAt(part, ',').map((item) => readDayItem(item, complain));
  if (items.includes(null)) return null;
  return [...new Set(items.flatMap((days) => days ?? []))].sort((a, b) => a - b);
}

/** `Mon`, `Fri-Mon` or `daily`. */
function readDayItem(item: Part, complain: Complain): number[] | null {
  if (item.text.toLowerCase() === DAILY) return DAYS.map((_, i) => i + 1);
  const ends = splitAt(item, '-');
  if (ends.length > 2) {
    complain(item, `${printed(item.text)} must be a day or two joined by "-"`);
    return null;
  }
  const [first, last = first] = ends.map((end) => readDay(end, complain));
  if (first === null || first === undefined || last === null || last === undefined) return null;
  const length = (last - first + DAYS.length) % DAYS.length;
  return Array.from({ length: length + 1 }, (_, i) => ((first - 1 + i) % DAYS.length) + 1);
}

function readDay(part: Part, complain: Complain): number | null {
  const word = part.text.toLowerCase();
  const found = DAYS.map((day) => day.toLowerCase()).findIndex(
    (day) => word === day || word === day.slice(0, SHORT),
  );
  if (found >= 0) return found + 1;
  if (word === '') {
    complain(part, 'a day is missing');
    return null;
  }
  const known = [...DAYS.map((day) => day.slice(0, SHORT)), ...DAYS, DAILY];
  const hint =
    suggest(part.text, known) || `; write ${known.slice(0, DAYS.length).join(', ')} or daily`;
  complain(part, `unknown day ${printed(part.text)}${hint}`);
  return null;
}

function readHours(
  part: Part,
  complain: Complain,
): Pick<WeeklyWindow, 'startMinute' | 'endMinute'> | null {
  if (part.text === '') {
    complain(part, `the hours are missing; write such as ${EXAMPLE}`);
    return null;
  }
  const ends = splitAt(part, '-');
  const [from, to] = ends;
  if (from === undefined || to === undefined || ends.length > 2) {
    complain(part, `${printed(part.text)} must be two times joined by "-", such as 08:00-20:00`);
    return null;
  }
  const startMinute = readTime(from, complain);
  const endMinute = readTime(to, complain);
  if (startMinute === null || endMinute === null) return null;
  if (startMinute === LAST_MINUTE) {
    complain(from, '24:00 can only end a window; one that starts at midnight starts at 00:00');
    return null;
  }
  if (startMinute === endMinute) {
    complain(part, `the window ${part.text} is empty; a whole day is 00:00-24:00`);
    return null;
  }
  return { startMinute, endMinute };
}

/** Minutes since midnight, `24:00` included. */
function readTime(part: Part, complain: Complain): number | null {
  const [, hours, minutes] = TIME.exec(part.text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) < 60 && minute <= LAST_MINUTE) return minute;
  complain(part, `${printed(part.text)} must be a time between 00:00 and 24:00, such as 08:00`);
  return null;
}

function splitAt({ text, at }: Part, separator: string): Part[] {
  let next = at;
  return text.split(separator).map((piece) => {
    const start = next;
    next += piece.length + separator.length;
    return trimmed({ text: piece, at: start });
  });
}

function trimmed({ text, at }: Part): Part {
  return { text: text.trim(), at: at + text.length - text.trimStart().length };
}
