import { Client } from 'pg';
import { DOCKER_SCHEMA } from '../../../activities/runtimes/docker/spec';
import type { ServiceSpec } from '../../../domain/resource';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';

const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);
/** Of the text `greeting = hello`. */
const SUM = 'b0ee2a0f7c0e8a3a0ba4dfb53b0c5a3b7d5b0ff1b0a3d1e3b1a7c3f1e2d4c5b6';

let database: TestDatabase;
let api: TestApi;
let now = NOW;

beforeEach(async () => {
  now = NOW;
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool, deps: { now: () => now } });
  await apply({ version: '1.4', resources: { cpu: 0.5, memory: 2 ** 30 } });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

/** `shop` is run by others, `db` by this control plane, `web` by the worker of host a. */
async function apply(desired: NonNullable<ServiceSpec['desired']>): Promise<void> {
  const external: Partial<ServiceSpec> = {
    runtime: { type: 'external' },
    desired,
    config: [{ kind: 'checksum', path: '/etc/shop.conf', sha256: SUM }],
    sync: { mode: 'detect', cooldownMs: 1000 },
  };
  await applyRevision(database.pool, {
    ...{ source: 'folder', author: 'vigil', correlationId: null, deletions: [] },
    mode: 'replaceSource',
    objects: [service('shop', external), service('db'), service('web', { hosts: ['a'] })],
  });
}

async function put(name: string, payload: object) {
  const headers = { 'x-vigil-actor': 'shop-agent' };
  const url = `/api/v1/state/default/${name}`;
  const response = await api.app.inject({ method: 'PUT', url, headers, payload });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

async function get(name: string) {
  const response = await api.app.inject(`/api/v1/state/default/${name}`);
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

const pointers = (body: Record<string, unknown>) =>
  (body['changes'] as { pointer: string }[]).map(({ pointer }) => pointer);
const rows = (sql: string) => query<Record<string, unknown>>(database.pool, sql);

describe('a report', () => {
  it('is compared with the manifest, and drift, sample and audit follow', async () => {
    const { status, body } = await put('shop', {
      isRunning: true,
      version: '1.3',
      resources: { cpu: '500m', memory: '1Gi' },
      config: [{ path: '/etc/shop.conf', sha256: `sha256:${SUM.toUpperCase()}` }],
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      resource: 'default/shop',
      observedAt: '2026-05-01T12:00:00.000Z',
      changes: [
        {
          ...{ pointer: '/version', kind: 'version', desired: '1.4', observed: '1.3' },
          ...{ severity: 'warning', attribution: null },
          sentence: 'is of version 1.3, desired 1.4',
        },
      ],
      recorded: { kind: 'recorded', opened: ['/version'], resolved: [] },
    });
    expect(await rows('select pointer, onset, severity from drift_events')).toEqual([
      { pointer: '/version', onset: NOW, severity: 'warning' },
    ]);
    expect(await rows('select value, lag, ts from samples')).toEqual([
      { value: 1, lag: 0, ts: NOW },
    ]);
    expect(
      await rows(`select resource, actor, door from audit_events where event = 'drift_detected'`),
    ).toEqual([{ resource: 'default/shop', actor: 'user:shop-agent', door: 'api' }]);
  });

  it('of what is as desired again resolves the drift', async () => {
    await put('shop', { isRunning: false });
    now += 60_000;
    const { body } = await put('shop', { isRunning: true, version: '1.4' });
    expect(body).toMatchObject({ changes: [], recorded: { resolved: ['/running'] } });
    expect(await rows('select onset, resolved_at from drift_events')).toEqual([
      { onset: NOW, resolved_at: NOW + 60_000 },
    ]);
  });

  it('says nothing of what it leaves out', async () => {
    const { body } = await put('shop', { isRunning: true, resources: { cpu: 0.5 } });
    expect(body['changes']).toEqual([]);
  });

  it('of some facts leaves what others reported of the rest as it was', async () => {
    await put('shop', { isRunning: true, version: '1.3', identity: 'a' });
    now += 1000;
    const { body } = await put('shop', { isRunning: true, resources: { cpu: 2 } });
    expect(pointers(body)).toEqual(['/resources/cpu', '/version']);
    expect(body['recorded']).toMatchObject({ opened: ['/resources/cpu'], resolved: [] });
    expect((await get('shop')).body['observed']).toMatchObject({ version: '1.3' });
    now += 1000;
    expect(pointers((await put('shop', { isRunning: true, version: '1.4' })).body)).toEqual([
      '/resources/cpu',
    ]);
    now += 1000;
    expect(pointers((await put('shop', { isRunning: true, identity: 'b' })).body)).toEqual([]);
  });

  it('of several that report at once leaves what each of them knows', async () => {
    const reports = [
      { version: '1.4' },
      { resources: { cpu: 0.5 } },
      { env: { A: '1' } },
      { replicas: 2 },
      { labels: { a: '1' } },
    ];
    await Promise.all(reports.map((one) => put('shop', { isRunning: true, ...one })));
    const { observed } = (await get('shop')).body as { observed: object };
    for (const one of reports) expect(observed).toMatchObject(one);
  });

  it('of some facts is taken beside a state from a clock that was ahead', async () => {
    await put('shop', { isRunning: true, version: '1.3' });
    await rows(`update states set observed_at = now() + interval '3 d'`);
    const { status, body } = await put('shop', { isRunning: true, resources: { cpu: 2 } });
    expect([status, pointers(body)]).toEqual([200, ['/resources/cpu', '/version']]);
  });

  it('that is dated ahead counts from when it came in, so that others are heard after it', async () => {
    await put('shop', { isRunning: false, observedAt: NOW + 200_000 });
    now += 1000;
    const { status, body } = await put('shop', { isRunning: true });
    expect([status, pointers(body)]).toEqual([200, []]);
    expect(await rows('select onset, resolved_at from drift_events')).toEqual([
      { onset: NOW, resolved_at: NOW + 1000 },
    ]);
  });

  it('keeps who made a difference, told once, while it lasts', async () => {
    const by = (body: Record<string, unknown>) =>
      (body['changes'] as { attribution: { by: string } | null }[]).map(
        ({ attribution }) => attribution?.by,
      );
    const attribution = { '/running': { from: 'event', by: 'ada', at: null, what: 'stopped' } };
    await put('web@a', { isRunning: false, attribution });
    now += 1000;
    expect(by((await put('web@a', { isRunning: false })).body)).toEqual(['ada']);
    now += 1000;
    expect(by((await put('web@a', { isRunning: true })).body)).toEqual([]);
    now += 1000;
    expect(by((await put('web@a', { isRunning: false })).body)).toEqual([undefined]);
  });

  it('of a member on another host is taken, with what its host knows of the cause', async () => {
    const at = NOW - 5000;
    const { status, body } = await put('web@a', {
      ...{ isRunning: false, identity: null, revision: 1 },
      attribution: { '/running': { from: 'event', by: 'root', at, what: 'killed' } },
    });
    expect(status).toBe(200);
    expect(body['changes']).toMatchObject([
      {
        pointer: '/running',
        severity: 'critical',
        attribution: { by: 'root', at: '2026-05-01T11:59:55.000Z', what: 'killed' },
      },
    ]);
  });

  it('of a container on another host is compared with what its manifest says of it', async () => {
    const runtime = DOCKER_SCHEMA.parse({
      ...{ type: 'docker', image: 'web:1', ports: ['8080:80'], volumes: ['/srv:/srv'] },
      health: { command: ['ok'] },
    });
    await applyRevision(database.pool, {
      ...{ source: 'folder', author: 'vigil', correlationId: null, deletions: [] },
      mode: 'upsert',
      objects: [service('box', { hosts: ['a'], runtime })],
    });
    const { status, body } = await put('box@a', {
      ...{ isRunning: true, image: 'web:1', replicas: 1, env: {}, labels: {} },
      ...{ ports: ['8081:80/tcp'], volumes: ['/srv:/srv:rw'], networks: ['bridge', 'app'] },
      healthCheck: { ...runtime.health, interval: 5000 },
    });
    expect(status).toBe(200);
    const changes = body['changes'] as { sentence: string }[];
    expect(changes.map(({ sentence }) => sentence)).toEqual([
      'has interval of health check 5000 ms, desired 10000 ms',
      'is on network app default, desired default',
      'publishes ports 8081:80, desired 8080:80',
    ]);
  });

  it('of what Vigil itself observes is refused with what to do instead', async () => {
    const { status, body } = await put('db', { isRunning: true });
    expect(status).toBe(409);
    expect(body['reason']).toBe('observed_by_vigil');
    expect(body['detail']).toContain('POST /api/v1/resources/default/db/observe');
    expect(await rows('select * from states')).toEqual([]);
  });

  it('of a resource without a manifest is refused', async () => {
    expect((await put('nobody', { isRunning: true })).status).toBe(404);
  });

  it('that knows another revision than the one in force is refused, and says which is', async () => {
    await apply({ version: '1.5' });
    const { status, body } = await put('shop', { isRunning: true, version: '1.5', revision: 1 });
    expect([status, body['reason'], body['revision']]).toEqual([409, 'superseded', 2]);
    const again = await put('shop', { isRunning: true, version: '1.5', revision: 2 });
    expect([again.status, again.body['changes']]).toEqual([200, []]);
  });

  it('that is older than what is known changes nothing', async () => {
    await put('shop', { isRunning: true, observedAt: '2026-05-01T12:00:00Z' });
    const { status, body } = await put('shop', { isRunning: false, observedAt: NOW - 1 });
    expect([status, body['reason']]).toEqual([409, 'stale']);
    expect(await rows('select count(*)::int as drift from drift_events')).toEqual([{ drift: 0 }]);
    expect((await put('shop', { isRunning: true, observedAt: NOW })).status).toBe(200);
  });

  it('that comes late says so in its sample, so that old news starts nothing', async () => {
    await put('shop', { isRunning: false, observedAt: NOW - 120_000 });
    expect(await rows('select lag, ts from samples')).toEqual([{ lag: 120, ts: NOW - 120_000 }]);
  });

  it('that came in while a step changes the resource is not written down', async () => {
    const action = '7f7dbb29-2a83-4a6c-9b1b-0f5c3a1f3a10';
    await rows(
      `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter)
       values ('${action}', 'default/web@a', null, 1, 1, 1, 'default/web@a', 'warning', now(), 1, '{}', 'granted', 'x')`,
    );
    await rows(
      `insert into slots (action_id, target, begun_step, begun_at) values ('${action}', 'default/web@a', 0, now())`,
    );
    const { status, body } = await put('web@a', { isRunning: false });
    expect([status, body['recorded']]).toEqual([200, { kind: 'skipped', reason: 'acting' }]);
    expect(await rows('select * from states')).toEqual([]);
  });

  it('of two at once leaves the newer one, whichever was written last', async () => {
    await put('shop', { isRunning: true, observedAt: NOW });
    const reports = Array.from({ length: 20 }, (_, i) => NOW + ((i * 7) % 20) * 1000);
    now = NOW + 20_000;
    await Promise.all(
      reports.map((observedAt) => put('shop', { isRunning: true, version: '1.4', observedAt })),
    );
    expect(await rows('select observed_at from states')).toEqual([{ observed_at: NOW + 19_000 }]);
  });

  it.each<[string, object, string]>([
    ['an unknown field', { isRunning: true, running: true }, 'running'],
    ['an unknown field of one', { isRunning: true, resources: { cpus: 1 } }, 'resources.cpus'],
    ['no word on whether it runs', { version: '1' }, 'isRunning'],
    ['an amount that is none', { isRunning: true, resources: { cpu: 'much' } }, 'resources.cpu'],
    ['a negative amount', { isRunning: true, resources: { memory: -1 } }, 'resources.memory'],
    [
      'a checksum that is none',
      { isRunning: true, config: [{ path: 'a', sha256: 'x' }] },
      'config.0.sha256',
    ],
    ['a NUL character', { isRunning: true, version: 'a\0' }, 'version'],
    ['half a surrogate pair', { isRunning: true, version: 'a\ud800' }, 'version'],
    ['a time without a zone', { isRunning: true, observedAt: '2026-05-01T12:00:00' }, 'observedAt'],
    ['a time far ahead', { isRunning: true, observedAt: NOW + 301_000 }, 'observedAt'],
    ['seconds instead of milliseconds', { isRunning: true, observedAt: NOW / 1000 }, 'observedAt'],
  ])('with %s is refused and names the field', async (_, payload, field) => {
    const { status, body } = await put('shop', payload);
    expect(status).toBe(422);
    expect(body['problems']).toEqual([{ field, message: expect.any(String) as string }]);
    expect(await rows('select * from states')).toEqual([]);
  });
});

describe('the state of a resource', () => {
  it('shows desired, observed and what differs, until it is stale', async () => {
    await put('shop', { isRunning: true, version: '1.3', details: { zone: 'b' } });
    const { status, body } = await get('shop');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ resource: 'default/shop', revision: 1, host: null, runtime: 'external' },
      desired: { '/running': true, '/version': '1.4', '/config/~1etc~1shop.conf': SUM },
      observed: { isRunning: true, version: '1.3', details: { zone: 'b' } },
      changes: [{ pointer: '/version', sentence: 'is of version 1.3, desired 1.4' }],
      ...{ observer: 'user:shop-agent', observedAt: '2026-05-01T12:00:00.000Z', isStale: false },
    });
    now += 181_000;
    expect((await get('shop')).body['isStale']).toBe(true);
  });

  it('is not there before somebody saw it', async () => {
    const { status, body } = await get('shop');
    expect([status, body['detail']]).toEqual([404, 'nobody has seen default/shop yet']);
    expect((await get('nobody')).status).toBe(404);
  });
});

describe('a look on request', () => {
  const observe = (name: string) =>
    api.app.inject({ method: 'POST', url: `/api/v1/resources/default/${name}/observe` });

  it('is passed on to the observer', async () => {
    const listener = new Client({ connectionString: database.url });
    await listener.connect();
    await listener.query('listen vigil_observe');
    const heard = new Promise((resolve) => {
      listener.on('notification', ({ payload }) => {
        resolve(payload);
      });
    });
    const response = await observe('db');
    expect([response.statusCode, response.json()]).toMatchObject([
      202,
      { resource: 'default/db', requested: true },
    ]);
    expect(await heard).toBe('default/db');
    await listener.end();
  });

  it('of what others look at says who does', async () => {
    const member = await observe('web@a');
    expect([member.statusCode, member.json()]).toMatchObject([202, { requested: false }]);
    const shop = await observe('shop');
    expect([shop.statusCode, shop.json()]).toMatchObject([409, { reason: 'reported' }]);
    expect((await observe('nobody')).statusCode).toBe(404);
  });
});

test('a host is told what it needs to look at its members, and of no others', async () => {
  const response = await api.app.inject('/api/v1/hosts/a/resources');
  expect([response.statusCode, response.json()]).toMatchObject([
    200,
    {
      host: 'a',
      items: [
        {
          ...{ resource: 'default/web@a', namespace: 'default', name: 'web@a' },
          ...{ service: 'default/web', revision: 1, createdRevision: 1, overrides: [] },
          spec: { runtime: { type: 'process', command: ['true'] } },
        },
      ],
    },
  ]);
  expect((await api.app.inject('/api/v1/hosts/b/resources')).json()).toEqual({
    ...{ host: 'b', items: [] },
  });
});
