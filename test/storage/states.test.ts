import type { ObservedState } from '../../domain/action/runtime';
import type { Change } from '../../domain/drift/change';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import type { ManifestObject } from '../../storage/manifests';
import {
  createObservationStore,
  recordObservation,
  recordObservations,
  type Recorded,
} from '../../storage/observations';
import { findObserved, forgetStates, listObserved, startHold } from '../../storage/states';
import type { ObservedResource } from '../../storage/states';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const ACTION = '7f7dbb29-2a83-4a6c-9b1b-0f5c3a1f3a10';

let database: TestDatabase;
let web: ObservedResource;
beforeEach(async () => {
  database = await createTestDatabase();
  await apply([service('web')]);
  web = await only();
});
afterEach(async () => {
  await database.drop();
});

const rows = (sql: string, params: unknown[] = []) =>
  query<Record<string, unknown>>(database.pool, sql, params);

async function apply(objects: ManifestObject[]): Promise<void> {
  const request = { source: 's', author: 'vigil', correlationId: null, deletions: [] };
  await applyRevision(database.pool, { ...request, mode: 'replaceSource', objects });
}

async function only(host: string | null = null): Promise<ObservedResource> {
  const [resource] = await listObserved(database.pool, host);
  if (resource === undefined) throw new Error('no resource');
  return resource;
}

const stopped: ObservedState = {
  identity: null,
  isRunning: false,
  isAbsent: false,
  command: null,
  env: null,
  config: [],
};
const down: Change = {
  pointer: '/running',
  kind: 'changed',
  desired: true,
  observed: false,
  severity: 'critical',
};
const file: Change = {
  pointer: '/config/a',
  kind: 'changed',
  desired: 'x',
  observed: 'y',
  severity: 'warning',
};

function record(changes: Change[], at: number, resource = web): Promise<Recorded> {
  return recordObservation(createObservationStore(database.pool), {
    resource,
    observed: stopped,
    changes,
    observer: 'control',
    observedAt: NOW + at,
  });
}

const drift = () =>
  rows('select pointer, kind, desired, observed, onset, resolved_at from drift_events order by id');
const audited = async () =>
  (await rows(`select event, details from audit_events where door = 'worker' order by id`)).map(
    ({ event, details }) => [event, details],
  );

it('keeps the onset of the first observation that differed, and audits only news', async () => {
  expect(await record([down], 0)).toEqual({ kind: 'recorded', opened: ['/running'], resolved: [] });
  expect(await record([down, file], 1000)).toMatchObject({ opened: ['/config/a'] });
  expect(await record([down, { ...file, observed: 'z' }], 2000)).toMatchObject({ opened: [] });
  expect(await record([file], 3000)).toMatchObject({ opened: [], resolved: ['/running'] });
  expect(await drift()).toEqual([
    {
      pointer: '/running',
      kind: 'changed',
      desired: true,
      observed: false,
      onset: NOW,
      resolved_at: NOW + 3000,
    },
    {
      pointer: '/config/a',
      kind: 'changed',
      desired: 'x',
      observed: 'y',
      onset: NOW + 1000,
      resolved_at: null,
    },
  ]);
  expect(await audited()).toEqual([
    ['drift_detected', { changes: [down], revision: web.revision }],
    ['drift_detected', { changes: [file], revision: web.revision }],
    ['drift_resolved', { pointers: ['/running'], revision: web.revision }],
  ]);
});

it('a difference that comes back has a new onset', async () => {
  await record([down], 0);
  await record([], 1000);
  await record([down], 2000);
  expect((await drift()).map(({ onset, resolved_at }) => [onset, resolved_at])).toEqual([
    [NOW, NOW + 1000],
    [NOW + 2000, null],
  ]);
});

it('stores the newest state and a sample with the number of changes each time', async () => {
  await record([down, file], 0);
  await record([], 1000);
  expect(await rows('select observed, changes, observer, observed_at from states')).toEqual([
    { observed: stopped, changes: [], observer: 'control', observed_at: NOW + 1000 },
  ]);
  expect(
    await rows(
      `select name, tags, owner, member, value, ts, lag from samples join series using (series_id) order by ts`,
    ),
  ).toEqual(
    [
      [NOW, 2],
      [NOW + 1000, 0],
    ].map(([ts, value]) => ({
      name: 'resource_drift',
      tags: { namespace: 'default', resource: 'web' },
      owner: 'default/web',
      member: null,
      value,
      ts,
      lag: 0,
    })),
  );
});

it('tells the detector of the sample', async () => {
  const client = await database.pool.connect();
  try {
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('listen vigil_samples');
    await record([down], 0);
    await client.query('select 1');
    expect(heard.map((text) => JSON.parse(text) as unknown)).toEqual([
      [{ seriesId: expect.any(Number) as number, ts: NOW, value: 1, lag: 0 }],
    ]);
  } finally {
    client.release(true);
  }
});

it('drops an observation of a revision that is no longer in force', async () => {
  await apply([service('web', { labels: { a: '1' } })]);
  expect(await record([down], 0)).toEqual({ kind: 'skipped', reason: 'superseded' });
  await apply([]);
  expect(await record([down], 0)).toEqual({ kind: 'skipped', reason: 'superseded' });
  expect(await rows('select 1 from states union all select 1 from samples')).toEqual([]);
});

it('drops what is seen between the begin and the end of a step', async () => {
  await holdSlot();
  expect(await record([down], 0)).toMatchObject({ kind: 'recorded' });
  await rows('update slots set begun_at = now()');
  await rows(
    `insert into journal (action_id, step, target, token, snapshot) values ($1, 0, 'default/web', 1, '{}')`,
    [ACTION],
  );
  expect(await record([down], 0)).toEqual({ kind: 'skipped', reason: 'acting' });
  await rows('update journal set ended_at = to_timestamp($1 / 1000.0)', [NOW + 500]);
  // A look that began within the step saw neither what was before it nor what came of it.
  expect(await record([], 499)).toEqual({ kind: 'skipped', reason: 'acting' });
  expect(await record([], 500)).toMatchObject({ kind: 'recorded', resolved: ['/running'] });
});

it('drops what was seen of a member on a host between the begin of a step and the word of its end', async () => {
  await apply([service('web', { hosts: ['a'] })]);
  const member = await only('a');
  await holdSlot('default/web@a');
  await rows('update slots set begun_step = 0, begun_at = now()');
  expect(await record([down], 0, member)).toEqual({ kind: 'skipped', reason: 'acting' });
  await rows(
    `insert into audit_events (namespace, resource, action_id, step, event, actor, door, details, at)
     values ('default', 'default/web@a', $1, 0, 'executed', 'vigil', 'worker', '{}', to_timestamp($2 / 1000.0))`,
    [ACTION, NOW + 500],
  );
  expect(await record([down], 499, member)).toEqual({ kind: 'skipped', reason: 'acting' });
  expect(await record([down], 500, member)).toMatchObject({ kind: 'recorded' });
});

it('a step that failed leaves no word of its end, and holds up nothing for ever', async () => {
  await holdSlot();
  await rows('update slots set begun_step = 0, begun_at = now()');
  await rows(
    `insert into journal (action_id, step, target, token, snapshot) values ($1, 0, 'default/web', 1, '{}')`,
    [ACTION],
  );
  expect(await record([down], 0)).toEqual({ kind: 'skipped', reason: 'acting' });
  // The next rung: its own step has not begun in the journal yet, or has ended.
  await rows('update slots set begun_step = 1');
  expect(await record([down], 0)).toMatchObject({ kind: 'recorded' });
  await rows(`update slots set begun_step = 0, begun_at = now() - interval '121 s'`);
  expect(await record([], 1)).toMatchObject({ kind: 'recorded' });
});

it('nothing is drift while a step is undone', async () => {
  await holdSlot();
  await rows('update slots set begun_step = 1, begun_at = now()');
  await rows(
    `insert into journal (action_id, step, target, token, snapshot) values ($1, 1001, 'default/web', 1, '{}')`,
    [ACTION],
  );
  expect(await record([down], 0)).toEqual({ kind: 'skipped', reason: 'acting' });
});

it('what is known from a clock that was ahead holds up nothing', async () => {
  await record([down], 0);
  await rows(`update states set observed_at = now() + interval '3 d'`);
  await rows(
    `insert into journal (action_id, step, target, token, snapshot, ended_at)
     values ($1, 0, 'default/web', 1, '{}', now() + interval '3 d')`,
    [ACTION],
  );
  expect(await record([], 1)).toMatchObject({ kind: 'recorded', resolved: ['/running'] });
});

it('of two observers the newer look counts, whichever was written last', async () => {
  await record([down], 1000);
  expect(await record([], 999)).toEqual({ kind: 'skipped', reason: 'stale' });
  expect(await record([], 1000)).toMatchObject({ kind: 'recorded', resolved: ['/running'] });
});

it('a clock that is ahead makes nothing newer than it is', async () => {
  const ahead = Date.now() - NOW + 3_600_000;
  await record([down], ahead);
  expect(await record([], Date.now() - NOW + 1000)).toMatchObject({ resolved: ['/running'] });
  expect(await rows('select 1 from drift_events where resolved_at < onset')).toEqual([]);
});

it('records many in one transaction, each with its own news', async () => {
  await apply([service('web'), service('api'), service('db')]);
  const [api, db, present] = await listObserved(database.pool, null);
  if (api === undefined || db === undefined || present === undefined)
    throw new Error('no resource');
  const store = createObservationStore(database.pool);
  const seen = { observed: stopped, observer: 'control' };
  const first = await recordObservations(store, [
    { ...seen, resource: present, changes: [down], observedAt: NOW },
    { ...seen, resource: { ...api, revision: 1 }, changes: [down], observedAt: NOW },
    { ...seen, resource: db, changes: [], observedAt: NOW + 1 },
  ]);
  expect(first).toEqual([
    { kind: 'recorded', opened: ['/running'], resolved: [] },
    { kind: 'skipped', reason: 'superseded' },
    { kind: 'recorded', opened: [], resolved: [] },
  ]);
  const second = await recordObservations(store, [
    { ...seen, resource: db, changes: [file], observedAt: NOW + 5 },
    { ...seen, resource: present, changes: [], observedAt: NOW + 6 },
  ]);
  expect(second).toEqual([
    { kind: 'recorded', opened: ['/config/a'], resolved: [] },
    { kind: 'recorded', opened: [], resolved: ['/running'] },
  ]);
  expect(
    await rows('select resource, pointer, onset, resolved_at from drift_events order by id'),
  ).toEqual([
    { resource: 'default/web', pointer: '/running', onset: NOW, resolved_at: NOW + 6 },
    { resource: 'default/db', pointer: '/config/a', onset: NOW + 5, resolved_at: null },
  ]);
  expect(await rows('select count(*)::int as count from samples')).toEqual([{ count: 4 }]);
});

it('keeps how a difference came about while it lasts', async () => {
  const attribution = {
    from: 'event' as const,
    by: null,
    at: NOW,
    what: 'container web was stopped',
  };
  await record([{ ...down, attribution }], 0);
  await record([down], 1000);
  expect(await rows('select severity, attribution from drift_events')).toEqual([
    { severity: 'critical', attribution },
  ]);
});

it('drops an observation that was compared without an override that stands by now', async () => {
  await rows(
    `insert into overrides (resource, pointer, value, policy, action_id)
     values ('default/web', '/replicas', '3', 'default/p', $1)`,
    [ACTION],
  );
  expect(await record([], 0)).toEqual({ kind: 'skipped', reason: 'superseded' });
  expect(await record([], 0, await only())).toMatchObject({ kind: 'recorded' });
});

it('forgets what one observer saw, and leaves what others did', async () => {
  await record([down], 0);
  await forgetStates(database.pool, ['default/web'], 'another');
  expect(await rows('select observer from states')).toEqual([{ observer: 'control' }]);
  expect(await rows('select 1 from drift_events where resolved_at is null')).toHaveLength(1);
  await forgetStates(database.pool, ['default/web'], 'control');
  expect(await rows('select 1 from states')).toEqual([]);
  expect(await rows('select 1 from drift_events where resolved_at is null')).toEqual([]);
});

it('finds live resources by key, on their own host only', async () => {
  await apply([service('web'), service('api', { hosts: ['a'] })]);
  const keys = ['default/web', 'default/api@a', 'default/none'];
  const found = await findObserved(database.pool, null, keys);
  expect(found.map(({ resource }) => resource)).toEqual(['default/web']);
});

it('a start is held by a pause of everything, the Service or the resource, and by a slot', async () => {
  await apply([service('web', { hosts: ['a'] })]);
  const member = await only('a');
  expect(member.resource).toBe('default/web@a');
  expect(await startHold(database.pool, member, NOW)).toBeNull();
  for (const scope of ['*', 'default/web', 'default/web@a']) {
    await rows(`insert into pauses (scope, reason, actor) values ($1, 'r', 'user:a')`, [scope]);
    expect(await startHold(database.pool, member, NOW)).toBe('paused');
    await rows('delete from pauses');
  }
  await rows(
    `insert into pauses (scope, reason, actor, until) values ('*', 'r', 'a', to_timestamp($1 / 1000.0)), ('default/other', 'r', 'a', null)`,
    [NOW],
  );
  expect(await startHold(database.pool, member, NOW)).toBeNull();
  expect(await startHold(database.pool, member, NOW - 1)).toBe('paused');
  await holdSlot('default/web@a');
  expect(await startHold(database.pool, member, NOW)).toBe('acting');
});

it('lists the live resources of one host only', async () => {
  await apply([service('web'), service('api', { hosts: ['a', 'b'] }), service('old')]);
  await apply([service('web'), service('api', { hosts: ['a', 'b'] })]);
  const names = async (host: string | null) =>
    (await listObserved(database.pool, host)).map(({ resource, service: of }) => [resource, of]);
  expect(await names(null)).toEqual([['default/web', 'default/web']]);
  expect(await names('b')).toEqual([['default/api@b', 'default/api']]);
});

async function holdSlot(target = 'default/web'): Promise<void> {
  await rows(
    `insert into requests (action_id, resource, generation, episode, attempt, target, severity, since,
       policy_revision, plan, state, waiter)
     values ($1, $2, 1, 1, 1, $2, 'warning', now(), 1, '{}', 'granted', 'w')`,
    [ACTION, target],
  );
  await rows('insert into slots (action_id, target) values ($1, $2)', [ACTION, target]);
}
