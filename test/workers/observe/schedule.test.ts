import { Schedule } from '../../../workers/observe/schedule';
import { serviceSpec } from '../../support/manifest-objects';
import type { ObservedResource } from '../../../storage/states';

const PACE = {
  ...{ intervalMs: 1000, resyncMs: 10_000, attentiveMs: 5000, apartMs: 100 },
  random: () => 0.5,
};

let schedule: Schedule;
beforeEach(() => {
  schedule = new Schedule(PACE);
});

function resource(name: string, changes: Partial<ObservedResource> = {}): ObservedResource {
  const key = `default/${name}`;
  return {
    ...{ resource: key, namespace: 'default', name, service: key, spec: serviceSpec() },
    ...{ revision: 1, createdRevision: 1, overrides: [] },
    ...changes,
  };
}

function takeAll(now: number): string[] {
  const taken: string[] = [];
  for (let next = schedule.take(now); next !== null; next = schedule.take(now))
    taken.push(next.name);
  return taken;
}

function done(name: string, now: number, look = { came: 'same', isTold: true }): void {
  schedule.done(`default/${name}`, now, look);
}

/** Looks whenever it is due, up to `until`: at which times. */
function looksUntil(name: string, until: number, isTold: boolean): number[] {
  const looks: number[] = [];
  for (let at = schedule.nextAt(); at <= until; at = schedule.nextAt()) {
    const now = Math.max(at, 0);
    if (takeAll(now).length > 0) looks.push(now);
    done(name, now, { came: 'same', isTold });
  }
  return looks;
}

it('looks at everything at once, and gives nothing twice before it is done', () => {
  schedule.replace([resource('a'), resource('b')], 0);
  expect(takeAll(0)).toEqual(['a', 'b']);
  expect(takeAll(100_000)).toEqual([]);
  done('a', 50);
  expect(schedule.nextAt()).toBe(1050);
  expect(takeAll(1049)).toEqual([]);
  expect(takeAll(1050)).toEqual(['a']);
});

it('looks often at first, and seldom at what is quiet and tells by itself', () => {
  schedule.replace([resource('a')], 0);
  expect(looksUntil('a', 30_000, true)).toEqual([0, 1000, 2000, 3000, 4000, 5000, 15_000, 25_000]);
});

it('looks often for ever at what does not tell by itself', () => {
  schedule.replace([resource('a')], 0);
  expect(looksUntil('a', 30_000, false)).toHaveLength(31);
});

it('looks at once at what is stirred, before all others, and often for a while', () => {
  schedule.replace([resource('a'), resource('b'), resource('c')], 0);
  expect(schedule.take(0)?.name).toBe('a');
  schedule.stir('default/c', 1);
  expect(takeAll(1)).toEqual(['c', 'b']);
  for (const name of ['a', 'b', 'c']) done(name, 20_000);
  schedule.stir('default/b', 20_001);
  expect(schedule.nextAt()).toBe(-Infinity);
  expect(takeAll(20_001)).toEqual(['b']);
});

it('looks again at what is stirred while it is looked at, but not faster than events burst', () => {
  schedule.replace([resource('a')], 0);
  takeAll(0);
  schedule.stir('default/a', 10);
  schedule.stir('default/a', 20);
  expect(takeAll(30)).toEqual([]);
  done('a', 30);
  expect(schedule.nextAt()).toBe(100);
  expect(takeAll(100)).toEqual(['a']);
});

it('looks often again where a look comes to something else than the last', () => {
  schedule.replace([resource('a')], 0);
  looksUntil('a', 20_000, true);
  expect(takeAll(25_000)).toEqual(['a']);
  done('a', 25_000, { came: 'differs', isTold: true });
  expect(schedule.nextAt()).toBe(26_000);
});

it('looks at once at a new revision and at another override, and forgets what is gone', () => {
  schedule.replace([resource('a'), resource('b'), resource('c')], 0);
  takeAll(0);
  for (const name of ['a', 'b', 'c']) done(name, 0);
  const override = { pointer: '/replicas', value: 3, policy: null, until: null };
  const found = [resource('a', { revision: 2 }), resource('b', { overrides: [override] })];
  schedule.replace(found, 500);
  expect(takeAll(500)).toEqual(['a', 'b']);
  expect(schedule.get('default/c')).toBeUndefined();
  schedule.update(['default/a', 'default/b'], found.slice(1), 600);
  expect([...schedule.all()].map(({ name }) => name)).toEqual(['b']);
});

it('has nothing to wait for where there is nothing, or all is under way', () => {
  expect(schedule.take(0)).toBeNull();
  expect(schedule.nextAt()).toBe(Infinity);
  schedule.replace([resource('a')], 0);
  takeAll(0);
  expect(schedule.nextAt()).toBe(Infinity);
});

it('what waits for a busy runtime holds up no other', () => {
  const file = serviceSpec({ runtime: { type: 'config' } });
  schedule.replace([resource('a'), resource('b'), resource('f', { spec: file })], 0);
  schedule.stir('default/b', 0);
  const isBusy = (type: string) => type === 'process';
  expect(schedule.take(0, isBusy)?.name).toBe('f');
  expect(schedule.take(0, isBusy)).toBeNull();
  expect(schedule.nextAt(isBusy)).toBeGreaterThan(0);
  expect(schedule.nextAt()).toBe(-Infinity);
  expect(takeAll(0)).toEqual(['b', 'a']);
});
