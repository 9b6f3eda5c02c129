import { samplesAt, type Sample } from '../../agent/sample';
import { createSpool } from '../../agent/spool';

function numbered(...values: number[]): Sample[] {
  return values.flatMap((value) => samplesAt(value, {}, { n: value }));
}

function valuesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ value }) => value);
}

test('samples come out in the order in which they went in', () => {
  const spool = createSpool(10);
  spool.push(numbered(1, 2));
  spool.push(numbered(3));
  expect(valuesOf(spool.take(2))).toEqual([1, 2]);
  expect(valuesOf(spool.take(2))).toEqual([3]);
  expect(spool.size).toBe(0);
});

test('what could not be sent goes back to the front', () => {
  const spool = createSpool(10);
  spool.push(numbered(1, 2));
  const batch = spool.take(1);
  spool.push(numbered(3));
  spool.giveBack(batch);
  expect(valuesOf(spool.take(10))).toEqual([1, 2, 3]);
});

test('a full spool drops the oldest and counts them', () => {
  const spool = createSpool(3);
  spool.push(numbered(1, 2, 3, 4));
  const batch = spool.take(2);
  spool.push(numbered(5, 6));
  spool.giveBack(batch);
  expect(spool.takeDropped()).toBe(3);
  expect(spool.takeDropped()).toBe(0);
  expect(valuesOf(spool.take(10))).toEqual([4, 5, 6]);
});
