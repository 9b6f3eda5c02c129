import fc from 'fast-check';
import { distrust, isFalseFix, TRUST_LIMITS } from '../../../domain/action/trust';

const MINUTE = 60_000;

test.each<[string, number, number, boolean]>([
  ['at once', 5 * MINUTE, 0, true],
  ['within ten minutes, after a short cooldown', 1 * MINUTE, 10 * MINUTE, true],
  ['later than that', 1 * MINUTE, 10 * MINUTE + 1, false],
  ['within a long cooldown', 30 * MINUTE, 25 * MINUTE, true],
  ['after a long cooldown', 30 * MINUTE, 31 * MINUTE, false],
])('a policy that fires again %s: %s', (_when, cooldownMs, afterMs, expected) => {
  const fix = { recordedAt: 1000, firedAt: 1000 + afterMs, cooldownMs };
  expect(isFalseFix(fix, TRUST_LIMITS)).toBe(expected);
});

test.each<[string, boolean[], string | null]>([
  ['nothing yet', [], null],
  ['two of two', [true, true], null],
  ['three of three', [true, true, true], '3 of its last 3 fixes did not hold'],
  ['three of five', [true, false, true, false, true], '3 of its last 5 fixes did not hold'],
  ['three of six, the oldest too old', [true, false, true, false, false, true], null],
])('%s', (_name, fixes, expected) => {
  expect(distrust(fixes, TRUST_LIMITS)).toBe(expected);
});

test('what was long ago changes nothing', () => {
  const flags = fc.array(fc.boolean(), { maxLength: 12 });
  fc.assert(
    fc.property(flags, flags, (recent, old) => {
      fc.pre(recent.length >= TRUST_LIMITS.last);
      expect(distrust([...recent, ...old], TRUST_LIMITS)).toBe(distrust(recent, TRUST_LIMITS));
    }),
  );
});
