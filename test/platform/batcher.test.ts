import { createBatcher } from '../../platform/batcher';
import { waitFor } from '../support/wait';

const COMMON = new Error('away');

function batcher(run: (items: readonly number[]) => Promise<number[]>, maxItems = 10) {
  return createBatcher({ run, maxItems, waitMs: 1, isCommon: (error) => error === COMMON });
}

it('does together what comes together, and what comes while it runs in the next batch', async () => {
  const batches: number[][] = [];
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const add = batcher(async (items) => {
    batches.push([...items]);
    await finished;
    return items.map((item) => item * 10);
  }, 3);
  const first = [1, 2, 3, 4].map(add);
  await waitFor('the first batch', () => batches.length > 0);
  const later = add(5);
  finish();
  expect(await Promise.all([...first, later])).toEqual([10, 20, 30, 40, 50]);
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

it('a bad item fails alone', async () => {
  const add = batcher((items) =>
    items.includes(2) ? Promise.reject(new Error('bad')) : Promise.resolve([...items]),
  );
  expect(await Promise.allSettled([1, 2, 3].map(add))).toMatchObject([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: new Error('bad') },
    { status: 'fulfilled', value: 3 },
  ]);
});

it('what fails for all is tried once', async () => {
  let runs = 0;
  const add = batcher(() => {
    runs += 1;
    return Promise.reject(COMMON);
  });
  const results = await Promise.allSettled([1, 2, 3].map(add));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(runs).toBe(1);
});

it('goes on after a failure', async () => {
  let isBroken = true;
  const add = batcher((items) => (isBroken ? Promise.reject(COMMON) : Promise.resolve([...items])));
  await expect(add(1)).rejects.toBe(COMMON);
  isBroken = false;
  expect(await add(2)).toBe(2);
});
