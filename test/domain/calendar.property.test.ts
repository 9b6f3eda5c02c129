import fc from 'fast-check';
import { isActive, nextChange, type Schedule, type WeeklyWindow } from '../../domain/calendar';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const DAYS = 8;
/** Further from the edges every window is known whole. */
const EDGE_MINUTES = 2 * DAY_MINUTES;
const LAST_MINUTE = DAYS * DAY_MINUTES - EDGE_MINUTES;

/** Around each: a change of clocks, or of the calendar, or nothing at all. */
const TIMES: [zone: string, middle: string][] = [
  ['Europe/Paris', '2026-03-29T01:00Z'],
  ['Europe/Paris', '2026-10-25T01:00Z'],
  ['America/New_York', '2026-03-08T07:00Z'],
  ['America/New_York', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['America/Havana', '2026-11-01T05:00Z'],
  ['America/Santiago', '2026-04-05T03:00Z'],
  ['America/St_Johns', '2006-10-29T02:31Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['Asia/Kolkata', '2028-02-29T12:00Z'],
  ['UTC', '2027-12-31T23:59Z'],
];

/** What clocks on the wall show, minute by minute, in minutes since the epoch: as Intl says. */
interface Wall {
  zone: string;
  /** Epoch ms of the first minute. */
  from: number;
  shown: number[];
  /** Index of a wall time's first and last occurrence. */
  first: Map<number, number>;
  last: Map<number, number>;
}

function wallOf([zone, middle]: (typeof TIMES)[number]): Wall {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const from = Date.parse(middle) - (DAYS / 2) * DAY_MINUTES * MINUTE_MS;
  const shown = Array.from({ length: DAYS * DAY_MINUTES }, (_, i) => {
    const [, day, month, year, hour, minute] =
      /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(format.format(from + i * MINUTE_MS)) ?? [];
    const iso = `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}Z`;
    return Date.parse(iso) / MINUTE_MS;
  });
  const last = new Map(shown.map((time, i) => [time, i]));
  const first = new Map(shown.map((time, i) => [time, i] as const).reverse());
  return { zone, from, shown, first, last };
}

/** Index of the minute for which a wall time stands. */
function indexOf(wall: Wall, time: number, occurrence: 'first' | 'last'): number {
  const found = wall[occurrence].get(time);
  if (found !== undefined) return found;
  const after = wall.shown.findIndex((at) => at > time);
  return after >= 0 ? after : wall.shown.length;
}

/** Whether each minute is active. Days at the edges of what is known are not all there. */
function activeMinutes(wall: Wall, active: readonly WeeklyWindow[]): boolean[] {
  const minutes = wall.shown.map(() => false);
  const firstDay = Math.floor(Math.min(...wall.shown.slice(0, DAY_MINUTES)) / DAY_MINUTES);
  for (let day = firstDay - 2; day <= firstDay + DAYS + 2; day += 1) {
    const weekday = ((((day + 3) % 7) + 7) % 7) + 1;
    for (const { days, startMinute, endMinute } of active) {
      if (!days.includes(weekday)) continue;
      const endDay = endMinute <= startMinute ? day + 1 : day;
      const start = indexOf(wall, day * DAY_MINUTES + startMinute, 'first');
      const end = indexOf(wall, endDay * DAY_MINUTES + endMinute, 'last');
      for (let i = start; i < end; i += 1) minutes[i] = true;
    }
  }
  return minutes;
}

const WALLS = TIMES.map(wallOf);

/** Mostly around the hours at which clocks change. */
const anyMinute = fc.oneof(
  fc.integer({ min: 0, max: DAY_MINUTES - 1 }),
  fc.integer({ min: 0, max: 200 }),
  fc.constantFrom(0, 1, 60, 90, 120, 150, 180, 1380, 1439),
);
const anyWindow = fc.record({
  days: fc
    .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 7 })
    .map((days) => days.sort((a, b) => a - b)),
  startMinute: anyMinute,
  endMinute: fc.oneof(anyMinute, fc.constant(DAY_MINUTES)),
});
const anyTime = fc.record({
  wall: fc.constantFrom(...WALLS),
  minute: fc.integer({ min: EDGE_MINUTES, max: LAST_MINUTE }),
  ms: fc.integer({ min: 0, max: MINUTE_MS - 1 }),
});

test('a schedule is active in exactly the minutes that clocks on the wall say', () => {
  fc.assert(
    fc.property(anyTime, fc.array(anyWindow, { maxLength: 3 }), ({ wall, minute, ms }, active) => {
      const schedule: Schedule = { timezone: wall.zone, active };
      const minutes = activeMinutes(wall, active);
      const at = wall.from + minute * MINUTE_MS + ms;
      expect(isActive(schedule, at)).toBe(minutes[minute]);

      const next = minutes.findIndex((is, i) => i > minute && is !== minutes[minute]);
      const known = next >= 0 && next <= LAST_MINUTE;
      const change = nextChange(schedule, at);
      if (known) expect(change).toBe(wall.from + next * MINUTE_MS);
      else expect(change ?? Infinity).toBeGreaterThan(wall.from + LAST_MINUTE * MINUTE_MS);
    }),
    { numRuns: 300 },
  );
});

test('every minute around a change of clocks is as the wall says, window by window', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WALLS), anyWindow, (wall, window) => {
      const schedule: Schedule = { timezone: wall.zone, active: [window] };
      const minutes = activeMinutes(wall, [window]);
      const middle = (DAYS / 2) * DAY_MINUTES;
      for (let i = middle - 180; i < middle + 180; i += 10) {
        if (isActive(schedule, wall.from + i * MINUTE_MS) !== minutes[i]) {
          throw new Error(`differs at ${new Date(wall.from + i * MINUTE_MS).toISOString()}`);
        }
      }
    }),
    { numRuns: 60 },
  );
});
