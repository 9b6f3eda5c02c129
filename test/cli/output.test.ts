import { clock, fullKey, resourcePath, span, table, words } from '../../cli/output';

test('a table pads every column but the last', () => {
  const lines = table(
    ['ID', 'NAME'],
    [
      ['a', 'first'],
      ['long-id', 'second'],
    ],
    'nothing',
  );
  expect(lines).toEqual(['ID       NAME', 'a        first', 'long-id  second']);
});

test('a table without rows says so in words', () => {
  expect(table(['ID'], [], 'no actions yet')).toEqual(['no actions yet']);
});

test.each([
  [0, '0s'],
  [999, '1s'],
  [45_000, '45s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [3 * 3_600_000, '3h'],
  [49 * 3_600_000, '2d'],
  [-5, '0s'],
])('%d ms read as %s', (ms, text) => {
  expect(span(ms)).toBe(text);
});

test('times lose their fraction and their letters', () => {
  expect(clock('2026-05-01T12:00:00.123Z')).toBe('2026-05-01 12:00:00');
  expect(clock(null)).toBe('-');
});

test('details become words; what says nothing is left out', () => {
  const details = {
    gate: 'paused',
    detail: 'by hand',
    until: null,
    note: '',
    params: {},
    evidence: [1],
  };
  expect(words(details)).toBe('gate=paused detail="by hand" evidence=[1]');
});

test('a resource without a namespace is in default', () => {
  expect(fullKey('web')).toBe('default/web');
  expect(fullKey('shop/web')).toBe('shop/web');
  expect(resourcePath('shop/web@a b')).toBe('shop/web%40a%20b');
});
