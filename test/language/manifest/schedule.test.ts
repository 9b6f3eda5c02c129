import fc from 'fast-check';
import { formatSchedule, type Schedule } from '../../../domain/calendar';
import type { Policy } from '../../../domain/policy/policy';
import { parseManifests } from '../../../language/manifest/compile';
import { CATALOGUE } from '../../support/catalogue';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];

function policyWith(line: string): Policy | undefined {
  const text = `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec:
  condition: http_up == 0
  action: restart
${line}
`;
  const { objects, problems } = parseManifests(text, { file: 'p.yaml', catalogue: CATALOGUE });
  expect(problems).toEqual([]);
  return objects[0]?.policies[0];
}

function scheduleOf(timezone: string, windows: readonly string[]): Schedule | undefined {
  const active = JSON.stringify(windows);
  return policyWith(`  schedule: { timezone: ${timezone}, active: ${active} }`)?.schedule;
}

test('a policy without a schedule has none in its document: it is always active', () => {
  expect(Object.keys(policyWith('') ?? {})).not.toContain('schedule');
});

test('the time zone is UTC when none is given', () => {
  expect(policyWith('  schedule: { active: [daily 08:00-20:00] }')?.schedule).toEqual({
    timezone: 'UTC',
    active: [{ days: EVERY_DAY, startMinute: 480, endMinute: 1200 }],
  });
});

test.each([
  ['Mon-Fri 08:00-20:00', [1, 2, 3, 4, 5], 480, 1200],
  ['Sat,Sun 10:00-14:00', [6, 7], 600, 840],
  ['daily 22:00-06:00', EVERY_DAY, 1320, 360],
  ['Mon 00:00-24:00', [1], 0, 1440],
  ['Sun 22:00-00:00', [7], 1320, 0],
  ['Fri-Mon 8:05-9:00', [1, 5, 6, 7], 485, 540],
  ['monday-WEDNESDAY 08:00-20:00', [1, 2, 3], 480, 1200],
  ['tue-tue 08:00-20:00', [2], 480, 1200],
  ['Daily,Mon 08:00-20:00', EVERY_DAY, 480, 1200],
  ['  Mon , Wed - Thu , Mon   08:00 - 20:00  ', [1, 3, 4], 480, 1200],
])('%p is days %p from minute %p to %p', (text, days, startMinute, endMinute) => {
  expect(scheduleOf('Europe/Paris', [text])).toEqual({
    timezone: 'Europe/Paris',
    active: [{ days, startMinute, endMinute }],
  });
});

test('the way a schedule is written out is one in which it can be written down', () => {
  const anyWindow = fc
    .record({
      days: fc
        .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 })
        .map((days) => days.sort((a, b) => a - b)),
      startMinute: fc.integer({ min: 0, max: 1439 }),
      endMinute: fc.integer({ min: 0, max: 1440 }),
    })
    .filter(({ startMinute, endMinute }) => startMinute !== endMinute);
  fc.assert(
    fc.property(anyWindow, (window) => {
      const schedule = { timezone: 'UTC', active: [window] };
      const written = formatSchedule(schedule).replace(/ UTC$/, '');
      expect(scheduleOf('UTC', [written])).toEqual(schedule);
    }),
    { numRuns: 100 },
  );
});
