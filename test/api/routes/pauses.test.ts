import { applyRevision } from '../../../storage/manifests';
import { query } from '../../../storage/database';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';
import { putGroup } from '../../support/requests';

let database: TestDatabase;
let api: TestApi;
let now: number;

beforeEach(async () => {
  database = await createTestDatabase();
  now = Date.UTC(2026, 0, 5, 12, 0, 0);
  api = await createTestApi({ pool: database.pool, deps: { now: () => now } });
  await applyRevision(database.pool, {
    source: 'folder',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [service('web', { hosts: ['a', 'b'] }), service('db')],
    deletions: [],
  });
  await query(database.pool, 'delete from outbox');
});

afterEach(async () => {
  await api.close();
  await database.drop();
});

async function post(url: string, payload: object, actor?: string) {
  const headers = actor === undefined ? {} : { 'x-vigil-actor': actor };
  return api.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, headers });
}

async function isPaused(resource: string): Promise<unknown> {
  const answer = await api.app.inject(`/api/v1/resources/${resource}`);
  return answer.json<{ paused: unknown }>().paused;
}

async function outbox(): Promise<unknown[]> {
  return query(database.pool, 'select workflow_id, kind, payload, starts from outbox order by 1');
}

async function hold(resource: string, gate: string): Promise<void> {
  await query(
    database.pool,
    `insert into episodes (resource, policy, generation, episode, held_gate) values ($1, 'default/p', 1, 1, $2)`,
    [resource, gate],
  );
}

async function request(id: string, resource: string, state: string): Promise<void> {
  await query(
    database.pool,
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
       policy_revision, plan, state, waiter)
     values ($1, $2, null, 1, 1, 1, $2, 'warning', now(), 1, '{}', $3, 'resource/' || $2)`,
    [id, resource, state],
  );
}

test('a pause covers what it names until its time is over', async () => {
  const answer = await post('/pause', { scope: 'web', for: '10m', reason: 'upgrade' }, 'ann');

  expect(answer.statusCode).toBe(201);
  expect(answer.json()).toMatchObject({
    scope: 'default/web',
    reason: 'upgrade',
    actor: 'user:ann',
    until: '2026-01-05T12:10:00.000Z',
  });
  expect(await isPaused('default/web@a')).toBe(true);
  expect(await isPaused('default/db')).toBe(false);

  now += 10 * 60_000;
  expect(await isPaused('default/web@a')).toBe(false);
  const list = await api.app.inject('/pauses');
  expect(list.json()).toEqual({ items: [], nextCursor: null });
  expect((await post('/resume', { scope: 'web' })).statusCode).toBe(404);
});

test('pausing tells no workflow and writes one audit row with the request id', async () => {
  const answer = await post('/pauses', { scope: '*', reason: 'storm' });
  const rows = await query(
    database.pool,
    `select event, actor, correlation_id, resource, details from audit_events where event = 'paused'`,
  );
  expect(rows).toEqual([
    {
      event: 'paused',
      actor: 'anonymous',
      correlation_id: answer.headers['x-request-id'],
      resource: null,
      details: { scope: '*', reason: 'storm', until: null },
    },
  ]);
  expect(await outbox()).toEqual([]);
});

test('resuming tells whoever the pause held, and nobody else', async () => {
  const [waiting, open, running] = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
  await post('/pause', { scope: 'default/web', reason: 'upgrade' });
  await hold('default/web@a', 'paused');
  await hold('default/web@b', 'cooldown');
  await hold('default/db', 'paused');
  await request(waiting ?? '', 'default/web@a', 'awaiting_approval');
  await request(open ?? '', 'default/web@b', 'open');
  await request(running ?? '', 'default/web@b', 'granted');

  const answer = await post('/resume', { scope: 'default/web' }, 'ann');

  expect(answer.json()).toEqual({ ok: true, scope: 'default/web' });
  const lifted = { kind: 'gateLifted', payload: { gate: 'paused' } };
  expect(await outbox()).toEqual([
    { workflow_id: `action/${waiting ?? ''}`, starts: false, ...lifted },
    { workflow_id: `action/${open ?? ''}`, starts: false, ...lifted },
    { workflow_id: 'resource/default/web@a', starts: true, ...lifted },
  ]);
  const audit = await query(
    database.pool,
    `select actor, details from audit_events where event = 'resumed'`,
  );
  expect(audit).toEqual([{ actor: 'user:ann', details: { scope: 'default/web' } }]);
});

test('the end of a pause of everything reaches every namespace', async () => {
  await post('/pause', { scope: '*', reason: 'storm' });
  await hold('default/db', 'paused');
  await hold('other/api', 'paused');
  const answer = await api.app.inject({ method: 'DELETE', url: '/api/v1/pauses/*' });
  expect(answer.statusCode).toBe(200);
  expect(await outbox()).toHaveLength(2);
});

test('a scope with a slash is ended through its encoded path', async () => {
  await post('/pause', { scope: 'default/web@a', reason: 'one host' });
  expect(await isPaused('default/web@b')).toBe(false);
  const answer = await api.app.inject({ method: 'DELETE', url: '/pauses/default%2Fweb@a' });
  expect(answer.json()).toEqual({ ok: true, scope: 'default/web@a' });
  expect(await isPaused('default/web@a')).toBe(false);
});

test('what does not exist cannot be paused, and a pause needs a reason and a sane duration', async () => {
  expect((await post('/pause', { scope: 'wbe', reason: 'typing error' })).statusCode).toBe(404);
  const answer = await post('/pause', { scope: 'web', for: 'a while' });
  expect(answer.statusCode).toBe(422);
  const fields = answer
    .json<{ problems: { field: string }[] }>()
    .problems.map(({ field }) => field);
  expect(fields.sort()).toEqual(['for', 'reason']);
  expect(await query(database.pool, 'select 1 from pauses')).toEqual([]);
});

test('pausing again replaces reason and time', async () => {
  await post('/pause', { scope: 'web', for: 60_000, reason: 'first' });
  await post('/pause', { scope: 'web', reason: 'second' });
  const list = await api.app.inject('/pauses');
  expect(list.json()).toMatchObject({ items: [{ reason: 'second', until: null }] });
});

test('a pause of a Group covers its members until it is resumed, and nobody else', async () => {
  await putGroup(database.pool, 'rack', { members: { name: 'web@a', labels: {} } });
  expect((await post('/pause', { scope: 'rack', reason: 'moving it' })).statusCode).toBe(201);
  expect(await isPaused('default/web@a')).toBe(true);
  expect(await isPaused('default/web@b')).toBe(false);
  await hold('default/web@a', 'paused');
  await hold('default/db', 'paused');
  expect((await post('/resume', { scope: 'rack' })).statusCode).toBe(200);
  expect(await outbox()).toMatchObject([
    { workflow_id: 'resource/default/web@a', kind: 'gateLifted' },
  ]);
});

test('a pause that ends takes the place of one that did not: whom the first one holds hears of it', async () => {
  await post('/pause', { scope: 'web', reason: 'for ever' });
  await hold('default/web@a', 'paused');
  await post('/pause', { scope: 'web', reason: 'for a while', for: '10m' });
  expect(await outbox()).toMatchObject([
    { workflow_id: 'resource/default/web@a', kind: 'gateLifted', starts: true },
  ]);
});
