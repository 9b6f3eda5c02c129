import { parseSamples } from '../../../api/ingest/samples';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const RULES = { now: NOW, maxBatch: 3, retentionMs: 30 * 86_400_000 };
const GOOD = { name: 'cpu_usage', value: 0.5 };

function problemsOf(body: unknown): string[] {
  return parseSamples(body, RULES).problems.map(
    ({ index, field, message }) => `${index ?? '-'} ${field}: ${message}`,
  );
}

test('a single object is one sample, with now and the default source filled in', () => {
  expect(parseSamples(GOOD, RULES)).toEqual({
    samples: [{ ...GOOD, tags: {}, ts: NOW, source: 'api' }],
    problems: [],
  });
});

test.each([
  ['2026-03-01T12:00:00Z', NOW],
  ['2026-03-01T12:00:00.250Z', NOW + 250],
  ['2026-03-01T12:00:00.250999Z', NOW + 250],
  ['2026-03-01T14:00:00+02:00', NOW],
  ['2026-03-01t06:30:00-05:30', NOW],
  [NOW - 1, NOW - 1],
  [NOW + 300_000, NOW + 300_000],
  [NOW - RULES.retentionMs, NOW - RULES.retentionMs],
])('timestamp %p is taken', (timestamp, ts) => {
  expect(parseSamples({ ...GOOD, timestamp }, RULES).samples[0]?.ts).toBe(ts);
});

test('labels are tags, and a tag with an empty value is no tag', () => {
  const [sample] = parseSamples({ ...GOOD, labels: { service: 'web', zone: '' } }, RULES).samples;
  expect(sample?.tags).toEqual({ service: 'web' });
});

const BAD_TIME = 'timestamp: must be RFC 3339 with a zone, or integer epoch milliseconds';
test.each<[string, unknown, string]>([
  ['no object', 7, '- : a sample must be an object, not a number'],
  ['null', null, '- : a sample must be an object, not null'],
  ['an array in the array', [[GOOD]], '0 : a sample must be an object, not an array'],
  ['an empty array', [], '- : the array is empty'],
  ['a missing name', { value: 1 }, '- name: is missing'],
  ['a blank name', { name: ' ', value: 1 }, '- name: is blank'],
  ['a numeric name', { name: 5, value: 1 }, '- name: must be a string, not a number'],
  ['a NUL in the name', { name: 'a\0b', value: 1 }, '- name: contains a NUL character'],
  ['a long name', { name: 'a'.repeat(201), value: 1 }, '- name: is longer than 200 characters'],
  ['a missing value', { name: 'a' }, '- value: is missing'],
  ['NaN', { name: 'a', value: NaN }, '- value: must be a finite number, not NaN'],
  ['Infinity', { name: 'a', value: Infinity }, '- value: must be a finite number, not Infinity'],
  ['NaN as text', { name: 'a', value: 'NaN' }, '- value: must be a finite number, not NaN'],
  ['a number as text', { name: 'a', value: '1' }, '- value: must be a finite number, not 1'],
  ['a null value', { name: 'a', value: null }, '- value: must be a finite number, not null'],
  ['an unknown field', { ...GOOD, colour: 'red' }, '- colour: unknown field'],
  [
    'tags that are a list',
    { ...GOOD, tags: ['a'] },
    '- tags: must map names to strings, not be an array',
  ],
  ['null tags', { ...GOOD, tags: null }, '- tags: must map names to strings, not be null'],
  ['a numeric tag', { ...GOOD, tags: { n: 1 } }, '- tags.n: must be a string, not a number'],
  ['a nested tag', { ...GOOD, labels: { n: {} } }, '- labels.n: must be a string, not a object'],
  ['a NUL in a tag', { ...GOOD, tags: { a: '\0' } }, '- tags.a: contains a NUL character'],
  [
    'half a surrogate pair in a tag',
    { ...GOOD, tags: { a: '\ud800' } },
    '- tags.a: contains a control character or half a surrogate pair',
  ],
  [
    'a tag name with a space',
    { ...GOOD, tags: { 'a b': '' } },
    "- tags.a b: the tag's name may have letters, digits and _ . / - only, and starts with a letter or _",
  ],
  [
    'tags and labels at once',
    { ...GOOD, tags: {}, labels: {} },
    '- labels: is another word for tags: send one of them',
  ],
  ['a blank source', { ...GOOD, source: '' }, '- source: is blank'],
  ['a time without a zone', { ...GOOD, timestamp: '2026-03-01T12:00:00' }, `- ${BAD_TIME}`],
  ['February 30th', { ...GOOD, timestamp: '2026-02-30T12:00:00Z' }, `- ${BAD_TIME}`],
  ['a 25th hour', { ...GOOD, timestamp: '2026-03-01T25:00:00Z' }, `- ${BAD_TIME}`],
  ['a fraction of a millisecond', { ...GOOD, timestamp: NOW + 0.5 }, `- ${BAD_TIME}`],
  ['a null timestamp', { ...GOOD, timestamp: null }, `- ${BAD_TIME}`],
  [
    'the future',
    { ...GOOD, timestamp: NOW + 300_001 },
    '- timestamp: is more than 5 minutes ahead',
  ],
  [
    'seconds instead of milliseconds',
    { ...GOOD, timestamp: NOW / 1000 },
    '- timestamp: is older than the retention of 30 days (epoch is in milliseconds)',
  ],
  [
    'too many samples',
    [GOOD, GOOD, GOOD, GOOD],
    '- : 4 samples in one request; at most 3 are taken, send several requests',
  ],
])('%s is refused', (_what, body, problem) => {
  expect(problemsOf(body)).toEqual([problem]);
});

test('every problem of every sample is listed with its index', () => {
  expect(
    problemsOf([GOOD, { name: '', value: 'x', extra: 1 }, { ...GOOD, tags: { a: 1 } }]),
  ).toEqual([
    '1 extra: unknown field',
    '1 name: is blank',
    '1 value: must be a finite number, not x',
    '2 tags.a: must be a string, not a number',
  ]);
});

test('more tags than allowed are refused', () => {
  const tags = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, 'x']));
  expect(problemsOf({ ...GOOD, tags })).toEqual(['- tags: has 65 tags; at most 64 are taken']);
});
