import { clip, combine, extend, valueAt, type Segment } from '../../../domain/policy/timeline';

const LINE: Segment[] = [
  { start: 0, value: 'unknown' },
  { start: 10, value: 'true' },
  { start: 20, value: 'false' },
];

test.each([
  [-5, 'unknown'],
  [9, 'unknown'],
  [10, 'true'],
  [19, 'true'],
  [20, 'false'],
  [1e9, 'false'],
])('at %d the value is %s', (time, value) => {
  expect(valueAt(LINE, time)).toBe(value);
});

test.each([
  [-5, [0, 10, 20]],
  [5, [5, 10, 20]],
  [10, [10, 20]],
  [15, [15, 20]],
  [20, [20]],
  [99, [99]],
])('clipped at %d its segments start at %j', (from, starts) => {
  expect(clip(LINE, from).map(({ start }) => start)).toEqual(starts);
});

test('neighbours of the same value are one segment, and a second value for one time wins', () => {
  const line: Segment[] = [];
  extend(line, 0, 'false');
  extend(line, 5, 'false');
  extend(line, 7, 'true');
  extend(line, 7, 'false');
  extend(line, 9, 'true');
  expect(line).toEqual([
    { start: 0, value: 'false' },
    { start: 9, value: 'true' },
  ]);
});

test('combining folds the values in force at each time', () => {
  const other: Segment[] = [
    { start: -Infinity, value: 'false' },
    { start: 15, value: 'true' },
  ];
  expect(
    combine([LINE, other], 5, (values) => (values.includes('true') ? 'true' : 'false')),
  ).toEqual([
    { start: 5, value: 'false' },
    { start: 10, value: 'true' },
  ]);
});
