import { repeat } from '../../agent/schedule';
import { waitFor } from '../support/wait';

test('work is done at once and then every interval, counted from start to start', async () => {
  const times: number[] = [];
  const start = performance.now();
  const repetition = repeat(50, () => {
    times.push(performance.now());
    return Promise.resolve();
  });
  expect(times).toHaveLength(1);
  await waitFor('five turns', () => times.length >= 5);
  repetition.stop();
  const [, , , , fifth = 0] = times;
  // A timer counts whole milliseconds, and may come one early.
  expect(fifth - start).toBeGreaterThanOrEqual(199);
});

test('slow work is never done twice at the same time, and missed turns are left out', async () => {
  let running = 0;
  let turns = 0;
  let most = 0;
  const start = performance.now();
  const repetition = repeat(10, async () => {
    turns++;
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 35));
    running--;
  });
  await waitFor('four turns', () => turns >= 4);
  repetition.stop();
  expect(most).toBe(1);
  expect(performance.now() - start).toBeGreaterThanOrEqual(105);
});

test('stopped during its work, it does not come back', async () => {
  let turns = 0;
  let finish = (): void => undefined;
  const repetition = repeat(1, () => {
    turns++;
    return new Promise<void>((resolve) => (finish = resolve));
  });
  repetition.stop();
  finish();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(turns).toBe(1);
});
