import fc from 'fast-check';
import { formatDuration } from '../../domain/policy/duration';
import { parseDuration } from '../../language/duration';

test.each([
  ['500ms', 500],
  ['5s', 5000],
  ['1.5s', 1500],
  ['1h30m', 5_400_000],
  ['1w', 604_800_000],
  ['1y', 31_536_000_000],
  ['0s', 0],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', '5', 's', '5 m', '-5m', '1.5ms', '5minutes', '99999999d'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

test('a printed duration reads as the same number of milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(31_000_000_000), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});
