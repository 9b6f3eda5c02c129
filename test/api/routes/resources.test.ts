import { applyRevision } from '../../../storage/manifests';
import { query } from '../../../storage/database';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { policy, service } from '../../support/manifest-objects';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool, config: { controlHost: 'control' } });
  const healthCheck = { endpoint: 'http://127.0.0.1:1/health', intervalMs: 500, timeoutMs: 400 };
  await applyRevision(database.pool, {
    source: 'folder',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [
      service('web', { hosts: ['a', 'b'], healthCheck, labels: { tier: 'front' } }),
      service('db'),
      policy('slow'),
    ],
    deletions: [],
  });
  await api.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: [
      { name: 'cpu_usage', value: 0.5, tags: { host: 'a' } },
      { name: 'http_up', value: 1, tags: { resource: 'web', host: 'a' } },
      { name: 'process_up', value: 1, tags: { resource: 'db' } },
      { name: 'build_seconds', value: 1 },
    ],
  });
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

interface Listed {
  items: { resource: string; managed: boolean }[];
  nextCursor: string | null;
}

test('managed and only observed resources are listed, the group of members is not', async () => {
  const { items } = (await api.app.inject('/api/v1/resources')).json<Listed>();
  expect(items.map(({ resource, managed }) => [resource, managed])).toEqual([
    ['default/a', false],
    ['default/db', true],
    ['default/web@a', true],
    ['default/web@b', true],
  ]);
});

test('resources come page by page', async () => {
  const first = (await api.app.inject('/resources?limit=3')).json<Listed>();
  const rest = (
    await api.app.inject(`/resources?limit=3&cursor=${first.nextCursor ?? ''}`)
  ).json<Listed>();
  expect([...first.items, ...rest.items].map(({ resource }) => resource)).toEqual([
    'default/a',
    'default/db',
    'default/web@a',
    'default/web@b',
  ]);
  expect(rest.nextCursor).toBeNull();
});

test('a resource shows what is desired, observed, drifted and judged', async () => {
  const { pool } = database;
  await query(
    pool,
    `insert into states (resource, observed, changes, observer, observed_at)
     values ('default/db', '{"isRunning":true,"identity":"boot:1:2"}', '[]', 'control', '2026-01-01T00:00:00Z')`,
  );
  await query(
    pool,
    `insert into drift_events (resource, pointer, kind, revision, onset, resolved_at)
     values ('default/db', '/env/A', 'changed', 1, now(), null), ('default/db', '/env/B', 'changed', 1, now(), now())`,
  );
  await query(
    pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision, condition_hash, version)
     values ('default/db', 'default/slow', 'true', '[]', '2026-01-01T00:00:01Z', 'warning', 1, 'hash', 1),
            ('default/db', 'default/gone', 'true', '[]', now(), 'warning', 1, 'hash', 1)`,
  );

  const answer = await api.app.inject('/api/v1/resources/default/db');

  expect(answer.json()).toEqual({
    resource: 'default/db',
    namespace: 'default',
    name: 'db',
    service: 'db',
    host: null,
    labels: {},
    managed: true,
    revision: expect.any(Number) as number,
    paused: false,
    runtime: 'process',
    observed: { isRunning: true, identity: 'boot:1:2', observedAt: '2026-01-01T00:00:00.000Z' },
    driftCount: 1,
    policies: [
      {
        policy: 'default/slow',
        verdict: 'true',
        since: '2026-01-01T00:00:01.000Z',
        severity: 'warning',
      },
    ],
    manifest: { kind: 'Service', metadata: { name: 'db' } },
  });
});

test('an unknown resource is a problem with 404', async () => {
  const answer = await api.app.inject('/api/v1/resources/default/nothing');
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ detail: 'there is no resource default/nothing' });
});

test('drift is listed newest first, and filtered by whether it is resolved', async () => {
  const pointers = async (search: string): Promise<string[]> =>
    (await api.app.inject(`/drift?${search}`))
      .json<{ items: { pointer: string }[] }>()
      .items.map(({ pointer }) => pointer);
  expect(await pointers('resource=db')).toEqual(['/env/B', '/env/A']);
  expect(await pointers('resolved=false')).toEqual(['/env/A']);
  expect(await pointers('resolved=true')).toEqual(['/env/B']);
  expect(await pointers('resource=default/web@a')).toEqual([]);
});

test('policies name the manifest they come from, implied ones the Service', async () => {
  const { items } = (await api.app.inject('/policies')).json<{ items: object[] }>();
  expect(items).toMatchObject([
    { policy: 'default/db:sync', impliedBy: 'default/db', source: 'folder', file: 'db.yaml' },
    { policy: 'default/slow', impliedBy: null, source: 'folder', file: 'slow.yaml' },
    { policy: 'default/web:sync', impliedBy: 'default/web', source: 'folder', file: 'web.yaml' },
  ]);
});

test('an agent gets the checks of its host, and is noted as seen', async () => {
  const answer = await api.app.inject({
    url: '/api/v1/agents/a/checks',
    headers: { 'user-agent': 'vigil-agent/1.2.3' },
  });
  const tags = { namespace: 'default', resource: 'web', host: 'a' };
  expect(answer.json()).toEqual({
    host: 'a',
    items: [
      {
        resource: 'default/web@a',
        kind: 'http',
        endpoint: 'http://127.0.0.1:1/health',
        intervalMs: 500,
        timeoutMs: 400,
        tags,
      },
      { resource: 'default/web@a', kind: 'process', intervalMs: 1000, tags },
    ],
  });
  expect(await query(database.pool, 'select host, version from agents')).toEqual([
    { host: 'a', version: '1.2.3' },
  ]);
});

test('resources without a host belong to the control host', async () => {
  const answer = await api.app.inject('/agents/control/checks');
  expect(answer.json()).toEqual({
    host: 'control',
    items: [
      {
        resource: 'default/db',
        kind: 'process',
        intervalMs: 2000,
        tags: { namespace: 'default', resource: 'db' },
      },
    ],
  });
  expect((await api.app.inject('/agents/elsewhere/checks')).json()).toMatchObject({ items: [] });
});
