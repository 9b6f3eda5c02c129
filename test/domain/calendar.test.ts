import {
  closedAt,
  formatSchedule,
  isActive,
  isTimeZone,
  nextChange,
  type Schedule,
  type WeeklyWindow,
} from '../../domain/calendar';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];
const MINUTE_MS = 60_000;

function window(days: number[], start: string, end: string): WeeklyWindow {
  return { days, startMinute: minuteOf(start), endMinute: minuteOf(end) };
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function schedule(timezone: string, ...active: WeeklyWindow[]): Schedule {
  return { timezone, active };
}

/** The instants at which it opens and closes between two times, as nextChange finds them. */
function changes(of: Schedule, from: string, to: string): string[] {
  const found: string[] = [];
  let at = nextChange(of, Date.parse(from));
  while (at !== null && at <= Date.parse(to)) {
    const opens = isActive(of, at);
    expect(isActive(of, at - 1)).toBe(!opens);
    found.push(`${opens ? 'opens' : 'closes'} ${new Date(at).toISOString().slice(0, 16)}Z`);
    at = nextChange(of, at);
  }
  return found;
}

const night = (timezone: string): Schedule =>
  schedule(timezone, window(EVERY_DAY, '22:00', '06:00'));

/** All times are UTC. */
const CASES: [name: string, of: Schedule, between: [string, string], expected: string[]][] = [
  [
    'working days in UTC, over a weekend and the end of a year',
    schedule('UTC', window([1, 2, 3, 4, 5], '08:00', '20:00')),
    ['2027-12-31T00:00Z', '2028-01-03T23:00Z'],
    [
      'opens 2027-12-31T08:00Z',
      'closes 2027-12-31T20:00Z',
      'opens 2028-01-03T08:00Z',
      'closes 2028-01-03T20:00Z',
    ],
  ],
  [
    'a night across the end of a year',
    schedule('Asia/Kolkata', window([5], '22:00', '06:00')),
    ['2027-12-31T00:00Z', '2028-01-02T00:00Z'],
    ['opens 2027-12-31T16:30Z', 'closes 2028-01-01T00:30Z'],
  ],
  [
    'a leap day',
    schedule('Asia/Kolkata', window([2], '00:00', '24:00')),
    ['2028-02-27T00:00Z', '2028-03-03T00:00Z'],
    ['opens 2028-02-28T18:30Z', 'closes 2028-02-29T18:30Z'],
  ],
  [
    'a night from a leap day into March',
    schedule('UTC', window([2], '23:00', '01:00')),
    ['2028-02-28T00:00Z', '2028-03-02T00:00Z'],
    ['opens 2028-02-29T23:00Z', 'closes 2028-03-01T01:00Z'],
  ],
  [
    'Paris: the night in which clocks go forward is an hour shorter',
    night('Europe/Paris'),
    ['2026-03-28T12:00Z', '2026-03-29T12:00Z'],
    ['opens 2026-03-28T21:00Z', 'closes 2026-03-29T04:00Z'],
  ],
  [
    'Paris: the night in which clocks go back is an hour longer',
    night('Europe/Paris'),
    ['2026-10-24T12:00Z', '2026-10-25T12:00Z'],
    ['opens 2026-10-24T20:00Z', 'closes 2026-10-25T05:00Z'],
  ],
  [
    'Paris: a start that does not exist is the first instant after the gap',
    schedule('Europe/Paris', window([7], '02:30', '04:00')),
    ['2026-03-29T00:00Z', '2026-03-30T00:00Z'],
    ['opens 2026-03-29T01:00Z', 'closes 2026-03-29T02:00Z'],
  ],
  [
    'Paris: an end that does not exist is the first instant after the gap',
    schedule('Europe/Paris', window([7], '01:00', '02:30')),
    ['2026-03-28T12:00Z', '2026-03-30T00:00Z'],
    ['opens 2026-03-29T00:00Z', 'closes 2026-03-29T01:00Z'],
  ],
  [
    'Paris: a window in the gap alone is empty that week and back the week after',
    schedule('Europe/Paris', window([7], '02:10', '02:50')),
    ['2026-03-22T12:00Z', '2026-04-06T00:00Z'],
    ['opens 2026-04-05T00:10Z', 'closes 2026-04-05T00:50Z'],
  ],
  [
    'Paris: a pause that lies in the gap alone does not happen that week',
    schedule(
      'Europe/Paris',
      window([1, 2, 3, 4, 5, 6], '00:00', '24:00'),
      window([7], '00:00', '02:10'),
      window([7], '02:50', '24:00'),
    ),
    ['2026-03-22T12:00Z', '2026-04-06T00:00Z'],
    ['closes 2026-04-05T00:10Z', 'opens 2026-04-05T00:50Z'],
  ],
  [
    'Paris: a window in the hour that occurs twice lasts from its first start to its last end',
    schedule('Europe/Paris', window([7], '02:10', '02:50')),
    ['2026-10-25T00:00Z', '2026-10-26T00:00Z'],
    ['opens 2026-10-25T00:10Z', 'closes 2026-10-25T01:50Z'],
  ],
  [
    'New York: a start at the hour that occurs twice is its first occurrence',
    schedule('America/New_York', window([7], '01:00', '03:00')),
    ['2026-11-01T00:00Z', '2026-11-02T00:00Z'],
    ['opens 2026-11-01T05:00Z', 'closes 2026-11-01T08:00Z'],
  ],
  [
    'New York: an end at the hour that occurs twice is its last occurrence',
    schedule('America/New_York', window([6], '20:00', '01:00')),
    ['2026-10-31T12:00Z', '2026-11-01T12:00Z'],
    ['opens 2026-11-01T00:00Z', 'closes 2026-11-01T06:00Z'],
  ],
  [
    'New York: a night across midnight that ends in the gap',
    schedule('America/New_York', window([6], '22:00', '02:15')),
    ['2026-03-07T12:00Z', '2026-03-08T12:00Z'],
    ['opens 2026-03-08T03:00Z', 'closes 2026-03-08T07:00Z'],
  ],
  [
    'Lord Howe: clocks go forward by half an hour',
    schedule('Australia/Lord_Howe', window([7], '02:10', '03:00')),
    ['2026-10-03T00:00Z', '2026-10-04T12:00Z'],
    ['opens 2026-10-03T15:30Z', 'closes 2026-10-03T16:00Z'],
  ],
  [
    'Lord Howe: clocks go back by half an hour',
    schedule('Australia/Lord_Howe', window([7], '01:40', '01:50')),
    ['2026-04-04T00:00Z', '2026-04-05T12:00Z'],
    ['opens 2026-04-04T14:40Z', 'closes 2026-04-04T15:20Z'],
  ],
  [
    'Havana: the midnight that occurs twice ends a day at its second occurrence',
    schedule('America/Havana', window([6], '00:00', '24:00')),
    ['2026-10-30T12:00Z', '2026-11-02T00:00Z'],
    ['opens 2026-10-31T04:00Z', 'closes 2026-11-01T05:00Z'],
  ],
  [
    'Apia: a day that the calendar left out has no window',
    schedule('Pacific/Apia', window([5], '08:00', '20:00')),
    ['2011-12-28T00:00Z', '2012-01-07T00:00Z'],
    ['opens 2012-01-05T18:00Z', 'closes 2012-01-06T06:00Z'],
  ],
];

test.each(CASES)('%s', (_name, of, [from, to], expected) => {
  expect(changes(of, from, to)).toEqual(expected);
});

test('windows that touch or overlap are one, also across midnight', () => {
  const of = schedule(
    'Europe/Paris',
    window([1], '20:00', '24:00'),
    window([2], '00:00', '06:00'),
    window([2], '05:00', '07:00'),
  );
  expect(changes(of, '2026-06-01T00:00Z', '2026-06-03T00:00Z')).toEqual([
    'opens 2026-06-01T18:00Z',
    'closes 2026-06-02T05:00Z',
  ]);
});

test('the start of a window is in it, its end is not', () => {
  const of = schedule('UTC', window([1], '08:00', '09:00'));
  const opens = Date.parse('2026-06-01T08:00Z');
  expect(
    [opens - 1, opens, opens + 60 * MINUTE_MS - 1, opens + 60 * MINUTE_MS].map((at) =>
      isActive(of, at),
    ),
  ).toEqual([false, true, true, false]);
});

test.each(['UTC', 'Europe/Paris', 'America/Havana', 'Australia/Lord_Howe'])(
  'what is always active in %s never changes',
  (timezone) => {
    const whole = schedule(timezone, window(EVERY_DAY, '00:00', '24:00'));
    const round = schedule(timezone, window(EVERY_DAY, '02:30', '02:30'));
    for (let day = 0; day < 366; day += 5) {
      const at = Date.parse('2026-01-01T00:30Z') + day * 1440 * MINUTE_MS;
      expect([isActive(whole, at), nextChange(whole, at)]).toEqual([true, null]);
      expect([isActive(round, at), nextChange(round, at)]).toEqual([true, null]);
    }
  },
);

test.each([
  ['no window', schedule('UTC')],
  [
    'a zone that this runtime does not know',
    schedule('Mars/Olympus', window(EVERY_DAY, '00:00', '24:00')),
  ],
])('what has %s is never active', (_name, never) => {
  expect([isActive(never, 0), nextChange(never, 0)]).toEqual([false, null]);
});

test.each([
  ['UTC', true],
  ['Europe/Paris', true],
  ['Asia/Kolkata', true],
  ['Asia/Calcutta', true],
  ['Etc/GMT+5', true],
  ['Europe/Pari', false],
  ['local', false],
  ['+02:00', false],
  ['', false],
])('whether %p is a time zone: %p', (name, expected) => {
  expect(isTimeZone(name)).toBe(expected);
});

test.each([
  [[1, 2, 3, 4, 5], 'Mon-Fri'],
  [[6, 7], 'Sat,Sun'],
  [[1, 5, 6, 7], 'Fri-Mon'],
  [[1, 7], 'Sun,Mon'],
  [[1, 3, 5], 'Mon,Wed,Fri'],
  [EVERY_DAY, 'daily'],
])('days %p are written %s', (days, expected) => {
  const of = schedule('Europe/Paris', window(days, '08:00', '24:00'));
  expect(formatSchedule(of)).toBe(`${expected} 08:00-24:00 Europe/Paris`);
});

test('several windows are written one after the other', () => {
  const of = schedule('UTC', window([1], '08:00', '12:30'), window([2], '22:00', '06:05'));
  expect(formatSchedule(of)).toBe('Mon 08:00-12:30, Tue 22:00-06:05 UTC');
});

test('what is closed says its hours and when it opens', () => {
  const of = schedule('Europe/Paris', window([1, 2, 3, 4, 5], '08:00', '20:00'));
  const saturday = Date.parse('2026-06-06T12:00Z');
  expect(closedAt(of, saturday)).toEqual({
    schedule: 'Mon-Fri 08:00-20:00 Europe/Paris',
    opensAt: Date.parse('2026-06-08T06:00Z'),
  });
  expect(closedAt(of, Date.parse('2026-06-08T06:00Z'))).toBeNull();
  expect(closedAt(undefined, saturday)).toBeNull();
});
