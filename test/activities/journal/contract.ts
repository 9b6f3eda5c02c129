import { randomUUID } from 'node:crypto';
import type { Journal, JournalKey } from '../../../domain/action/journal';
import type { Snapshot } from '../../../domain/action/runtime';

export interface JournalBench {
  journal: Journal;
  /** Another process of the same journal: what it finds is what was durable. */
  reopen: () => Promise<Journal>;
}

const FIRST: Snapshot = { identity: 'one', takenAt: 1, aim: { to: 3 }, before: { replicas: 2 } };
const LATER: Snapshot = { identity: 'two', takenAt: 2, aim: { to: 4 } };
const RESULT = { identity: 'two', summary: 'done', details: { exitCode: 0 } };

function key(given: Partial<JournalKey> = {}): JournalKey {
  return { actionId: randomUUID(), step: 0, target: `test/${randomUUID()}`, token: 1, ...given };
}

/** What every journal promises; run it against each. */
export function describeJournal(bench: () => JournalBench): void {
  const journal = (): Journal => bench().journal;

  test('a step that nobody began is fresh, and from then on begun, with its first snapshot', async () => {
    const step = key();
    expect(await journal().snapshotOf(step)).toBeNull();
    expect(await journal().begin(step, FIRST)).toEqual({ kind: 'fresh' });
    expect(await journal().begin(step, LATER)).toEqual({ kind: 'begun', snapshot: FIRST });
    expect(await journal().snapshotOf(step)).toEqual(FIRST);
    expect(await (await bench().reopen()).begin(step, LATER)).toEqual({
      kind: 'begun',
      snapshot: FIRST,
    });
  });

  test('a step that ended answers with its recorded result, also after a restart', async () => {
    const step = key();
    await journal().begin(step, FIRST);
    await journal().end(step, RESULT);
    const ended = { kind: 'ended', result: RESULT };
    expect(await journal().begin(step, LATER)).toEqual(ended);
    expect(await (await bench().reopen()).begin(step, LATER)).toEqual(ended);
  });

  test('a restore that had nothing to bring back has ended, too', async () => {
    const step = key({ step: 1000 });
    await journal().begin(step, FIRST);
    await journal().end(step, null);
    expect(await journal().begin(step, FIRST)).toEqual({ kind: 'ended', result: null });
  });

  test('steps of one action and actions of one target do not meet', async () => {
    const step = key();
    await journal().begin(step, FIRST);
    expect(await journal().begin({ ...step, step: 1 }, LATER)).toEqual({ kind: 'fresh' });
    expect(await journal().begin({ ...step, actionId: randomUUID() }, LATER)).toEqual({
      kind: 'fresh',
    });
  });

  test('a token below the highest obeyed is refused, on that target only, also after a restart', async () => {
    const step = key({ token: 7 });
    expect(await journal().fence(step.target)).toBe(0);
    await journal().begin(step, FIRST);
    const old = key({ target: step.target, token: 6 });
    const stale = { kind: 'stale', highest: 7 };
    expect(await journal().begin(old, FIRST)).toEqual(stale);
    expect(await (await bench().reopen()).begin(old, FIRST)).toEqual(stale);
    expect(await journal().snapshotOf(old)).toBeNull();
    expect(await journal().begin(key({ token: 6 }), FIRST)).toEqual({ kind: 'fresh' });
    expect(await journal().begin(key({ target: step.target, token: 8 }), FIRST)).toEqual({
      kind: 'fresh',
    });
    expect(await journal().fence(step.target)).toBe(8);
  });

  test('a stale token does not even read what ended', async () => {
    const step = key({ token: 3 });
    await journal().begin(step, FIRST);
    await journal().end(step, RESULT);
    await journal().begin(key({ target: step.target, token: 4 }), FIRST);
    expect(await journal().begin(step, FIRST)).toEqual({ kind: 'stale', highest: 4 });
  });

  test('one at a time works on a target, and on different targets at the same time', async () => {
    const target = `test/${randomUUID()}`;
    const other = await bench().reopen();
    const inside = { now: 0, most: 0, total: 0 };
    const work = async (): Promise<void> => {
      inside.now += 1;
      inside.most = Math.max(inside.most, inside.now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside.now -= 1;
      inside.total += 1;
    };
    await Promise.all(
      [journal(), other, journal(), other].map((one) =>
        one.withTargetLock(target, { waitMs: 10_000 }, work),
      ),
    );
    expect(inside).toEqual({ now: 0, most: 1, total: 4 });
    const both = journal().withTargetLock(target, { waitMs: 10_000 }, () =>
      journal().withTargetLock(`${target}-2`, { waitMs: 10_000 }, () => Promise.resolve('both')),
    );
    expect(await both).toBe('both');
  });

  test('who waits too long for a target does not work on it, and a failure frees it', async () => {
    const target = `test/${randomUUID()}`;
    const other = await bench().reopen();
    const work = jest.fn();
    const holder = journal().withTargetLock(target, { waitMs: 10_000 }, async () => {
      await expect(other.withTargetLock(target, { waitMs: 50 }, work)).rejects.toThrow();
      throw new Error('the work failed');
    });
    await expect(holder).rejects.toThrow('the work failed');
    expect(work).not.toHaveBeenCalled();
    expect(await other.withTargetLock(target, { waitMs: 10_000 }, () => Promise.resolve(1))).toBe(
      1,
    );
  });

  test('what is not wanted any more is not begun once the lock is had', async () => {
    const ended = new AbortController();
    ended.abort(new Error('cancelled'));
    const options = { waitMs: 10_000, signal: ended.signal };
    const work = jest.fn();
    await expect(journal().withTargetLock('test/a', options, work)).rejects.toThrow('cancelled');
    expect(work).not.toHaveBeenCalled();
  });
}
