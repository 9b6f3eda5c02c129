import { backoffMs } from '../../../domain/action/backoff';
import { afterOutcome, episodeAt, FIRST_EPISODE } from '../../../domain/action/episode';
import type { Outcome } from '../../../domain/action/action';

const COOLDOWN = 1000;
const TIMES = { now: 5000, cooldownMs: COOLDOWN };

test('waits grow with each failure and stay at five minutes', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 20].map((n) => backoffMs(n) / 1000);
  expect(waits).toEqual([0, 2, 6, 18, 54, 162, 300, 300, 300]);
});

test.each<[Outcome, Partial<typeof FIRST_EPISODE>]>([
  ['succeeded', { attempts: 0, failures: 0, cooldownUntil: 6000, backoffUntil: null }],
  ['skipped', { attempts: 0, failures: 0, cooldownUntil: 6000, backoffUntil: null }],
  ['failed', { attempts: 1, failures: 1, cooldownUntil: null, backoffUntil: 5000 }],
  ['inconclusive', { attempts: 1, failures: 1, cooldownUntil: null, backoffUntil: 5000 }],
  ['rolled_back', { attempts: 1, failures: 1, cooldownUntil: null, backoffUntil: 5000 }],
  ['rejected', { attempts: 0, cooldownUntil: 6000 }],
  ['expired', { attempts: 0, cooldownUntil: 6000 }],
  ['cancelled', { attempts: 0, cooldownUntil: null, backoffUntil: null, recordedAt: null }],
])('after %s the episode goes on as designed', (outcome, expected) => {
  expect(afterOutcome(FIRST_EPISODE, outcome, TIMES)).toMatchObject(expected);
});

test('an action that a person called off stands for one cooldown, one that was not wanted does not', () => {
  const calledOff = afterOutcome(FIRST_EPISODE, 'cancelled', { ...TIMES, isCalledOff: true });
  expect(calledOff).toMatchObject({ attempts: 0, cooldownUntil: 6000 });
});

test('a success forgets the failures before it', () => {
  const failed = afterOutcome(afterOutcome(FIRST_EPISODE, 'failed', TIMES), 'failed', TIMES);
  expect(failed).toMatchObject({ failures: 2, backoffUntil: 7000 });
  expect(afterOutcome(failed, 'succeeded', TIMES)).toMatchObject({ failures: 0, attempts: 2 });
});

test.each([
  ['true again within the cooldown', 5900, 5100, 1],
  ['true again after a quiet cooldown', 6200, 5100, 2],
  ['true without a break since before the action', 4000, null, 1],
  ['quiet counts from the clear, not from the record', 6200, 5900, 1],
])('%s', (_name, since, clearedAt, episode) => {
  const present = { ...FIRST_EPISODE, attempts: 1, recordedAt: 5000 };
  expect(episodeAt(present, { since, clearedAt }, COOLDOWN).episode).toBe(episode);
});

test('a new episode has all its attempts again', () => {
  const present = { ...FIRST_EPISODE, attempts: 3, failures: 3, recordedAt: 5000 };
  expect(episodeAt(present, { since: 9000, clearedAt: 5100 }, COOLDOWN)).toEqual({
    ...FIRST_EPISODE,
    episode: 2,
  });
});
