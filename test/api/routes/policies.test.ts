import { pino } from 'pino';
import { Registry } from 'prom-client';
import { startDetector } from '../../../detector/detector';
import { createTemporalClient } from '../../../platform/temporal-client';
import { query } from '../../../storage/database';
import { listen } from '../../../storage/listen';
import { applyRevision } from '../../../storage/manifests';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { policy, service } from '../../support/manifest-objects';
import { waitFor } from '../../support/wait';

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

interface Answer {
  policy: string;
  enabled: boolean;
  revision: number;
  manifestRevision: number;
  source: string;
  detail: string;
  policies: number;
  manifest: { spec: Record<string, unknown> };
  document: Record<string, unknown>;
  revisions: { revision: number; author: string; source: string; deleted: boolean }[];
  problems: { field: string; message: string }[];
  warnings: { field: string; message: string }[];
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

async function call(
  method: Method,
  path: string,
  payload?: object | string,
  more: Record<string, string> = {},
) {
  const type = typeof payload === 'string' ? 'application/yaml' : 'application/json';
  const answer = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    ...(payload === undefined ? {} : { payload }),
    headers: {
      'x-vigil-actor': 'ann',
      ...(payload === undefined ? {} : { 'content-type': type }),
      ...more,
    },
  });
  const { etag, location } = answer.headers;
  return { status: answer.statusCode, etag: String(etag), location, ...answer.json<Answer>() };
}

const SPEC = { condition: 'cpu_usage > 80%', action: 'restart' };
const PATH = '/policies/default/high-cpu';

/** A Service, the policy it implies and one more, as gitops brings them. */
async function applyFolder(): Promise<void> {
  await applyRevision(database.pool, {
    source: 'folder:manifests',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [service('web'), { ...policy('slow'), line: 7 }],
    deletions: [],
  });
}

const rows = (sql: string, params: unknown[] = []) =>
  query<Record<string, unknown>>(database.pool, sql, params);

describe('create', () => {
  test('a flat body becomes a manifest of source api, audited under who sent it', async () => {
    const made = await call('POST', '/policies', { name: 'high-cpu', ...SPEC });
    expect(made).toMatchObject({
      status: 201,
      location: '/api/v1/policies/default/high-cpu',
      etag: `"${made.manifestRevision}"`,
      policy: 'default/high-cpu',
      enabled: true,
      severity: 'warning',
      condition: 'cpu_usage > 80%',
      source: 'api',
      manifest: { apiVersion: 'vigil.io/v1', kind: 'Policy', spec: SPEC },
      document: { cooldownMs: 300_000 },
      revisions: [{ revision: made.revision, author: 'user:ann', source: 'api', deleted: false }],
    });
    expect(await rows('select policy, actor, door, event from audit_events')).toEqual([
      { policy: made.policy, actor: 'user:ann', door: 'api', event: 'manifest_applied' },
    ]);
  });

  test('a manifest is taken as YAML, and without the prefix too', async () => {
    const yaml = `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: high-cpu, namespace: shop }
spec: { condition: cpu_usage > 80%, action: restart, enabled: false }
`;
    const answer = await api.app.inject({
      method: 'POST',
      url: '/policies',
      payload: yaml,
      headers: { 'content-type': 'application/yaml' },
    });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({ policy: 'shop/high-cpu', enabled: false });
  });

  test('the body of the seed is taken, its verb and the alias of one', async () => {
    const seed = {
      name: 'high-cpu',
      condition: { type: 'metric_exceeds', metric: 'cpu_usage', threshold: 0.8 },
      action: 'scale-up',
    };
    expect(await call('POST', '/policies', seed)).toMatchObject({
      status: 201,
      condition: 'cpu_usage > 0.8',
      warnings: [],
      document: { mode: 'enforce', steps: [{ action: 'scale', params: { by: 1 } }] },
    });
    const known = { ...seed, name: 'other', action: 'restart_service' };
    expect(await call('POST', '/policies', known)).toMatchObject({ status: 201 });
  });

  test('every problem of a body is listed, in YAML at its line and column', async () => {
    const json = await call('POST', '/policies', { name: 'A b', condition: 'cpu >', acton: 'x' });
    expect(json.status).toBe(422);
    expect(json.problems.length).toBeGreaterThanOrEqual(3);
    const yaml = await call('POST', '/policies', 'name: a\ncondition: up == 0\nacton: restart\n');
    expect(yaml).toMatchObject({ status: 422 });
    expect(yaml.problems).toContainEqual(expect.objectContaining({ field: 'api:3:1' }));
    const two = 'name: a\ncondition: up == 0\naction: restart\n';
    const both = `${two}---\n${two.replace('name: a', 'name: b')}`;
    expect(await call('POST', '/policies', both)).toMatchObject({
      status: 422,
      problems: [{ message: 'holds 2 policies, not one' }],
    });
    expect(await rows('select 1 from revisions')).toEqual([]);
  });

  test('warnings come with the policy that was written, not with one that is read', async () => {
    const seed = { name: 'more', condition: 'errors_total > 5', action: 'restart' };
    const warning = {
      field: 'api:1:1',
      message: expect.stringContaining('errors_total only grows') as string,
    };
    expect(await call('POST', '/policies', seed)).toMatchObject({ warnings: [warning] });
    const path = '/policies/default/more';
    expect(await call('PUT', path, seed)).toMatchObject({ warnings: [warning] });
    expect(await call('PUT', path, SPEC)).toMatchObject({ warnings: [] });
    expect(await call('GET', path)).not.toHaveProperty('warnings');
  });

  test('a policy that is there is a conflict, and the file of one from git is named', async () => {
    await applyFolder();
    expect(await call('POST', '/policies', { name: 'slow', ...SPEC })).toMatchObject({
      status: 409,
      detail: 'Policy default/slow belongs to source folder:manifests (slow.yaml:7)',
    });
    await call('POST', '/policies', { name: 'high-cpu', ...SPEC });
    expect(await call('POST', '/policies', { name: 'high-cpu', ...SPEC })).toMatchObject({
      status: 409,
      detail: expect.stringContaining('PUT /api/v1/policies/default/high-cpu') as string,
    });
  });
});

describe('replace', () => {
  test('PUT makes what is not there and replaces what is; every revision is kept', async () => {
    const made = await call('PUT', PATH, SPEC);
    expect(made).toMatchObject({ status: 201, location: '/api/v1/policies/default/high-cpu' });
    const edit = { name: 'high-cpu', ...SPEC, severity: 'critical' };
    const next = await call('PUT', PATH, edit, { 'x-vigil-actor': 'bob' });
    expect(next).toMatchObject({
      status: 200,
      severity: 'critical',
      revisions: [
        { revision: next.revision, author: 'user:bob' },
        { revision: made.revision, author: 'user:ann' },
      ],
    });
    expect(await call('PUT', PATH, edit)).toMatchObject({ status: 200, revision: next.revision });
    const old = await call('GET', `${PATH}/revisions/${made.revision}`);
    expect(old).toMatchObject({
      status: 200,
      author: 'user:ann',
      manifest: { spec: SPEC },
      document: { severity: 'warning' },
    });
    expect(await call('GET', `${PATH}/revisions/999`)).toMatchObject({ status: 404 });
  });

  test('a body that names another policy is refused', async () => {
    expect(await call('PUT', PATH, { name: 'low-cpu', ...SPEC })).toMatchObject({
      status: 422,
      problems: [{ message: expect.stringContaining('must be "high-cpu"') as string }],
    });
  });

  test('a change of what was changed since is refused with If-Match', async () => {
    const absent = await call('PUT', PATH, SPEC, { 'if-match': '"1"' });
    expect(absent).toMatchObject({ status: 412 });
    const first = await call('PUT', PATH, SPEC);
    const edit = (cooldown: string) => ({ ...SPEC, cooldown });
    const second = await call('PUT', PATH, edit('1m'), { 'if-match': first.etag });
    expect(second.status).toBe(200);
    const stale = await call('PUT', PATH, edit('2m'), { 'if-match': first.etag });
    expect(stale).toMatchObject({
      status: 412,
      detail: `Policy default/high-cpu is at revision ${second.manifestRevision}, not at ${first.manifestRevision}`,
    });
    expect(await call('DELETE', PATH, undefined, { 'if-match': first.etag })).toMatchObject({
      status: 412,
    });
    expect(await call('PUT', PATH, SPEC, { 'if-match': 'nonsense' })).toMatchObject({
      status: 422,
      problems: [{ field: 'If-Match' }],
    });
  });
});

describe('delete', () => {
  test('a deleted policy is gone, its revisions are not, and a new one is a new generation', async () => {
    const made = await call('PUT', PATH, SPEC);
    const gone = await call('DELETE', PATH);
    expect(gone).toMatchObject({ status: 200 });
    expect(await call('GET', PATH)).toMatchObject({ status: 404 });
    expect(await call('DELETE', PATH)).toMatchObject({ status: 404 });
    expect(await call('GET', `${PATH}/revisions/${gone.revision}`)).toMatchObject({
      deleted: true,
      manifest: null,
      document: null,
    });
    const again = await call('PUT', PATH, SPEC);
    expect(again.revisions.map(({ deleted }) => deleted)).toEqual([false, true, false]);
    expect(await rows('select created_revision from policies')).toEqual([
      { created_revision: again.revision },
    ]);
    expect(again.revision).toBeGreaterThan(made.revision);
  });
});

describe('enable and disable', () => {
  test('a disabled policy stays listed and keeps its generation; enabling restores what it said', async () => {
    const made = await call('PUT', PATH, SPEC);
    const off = await call('POST', `${PATH}/disable`);
    expect(off).toMatchObject({
      status: 200,
      enabled: false,
      manifest: { spec: { ...SPEC, enabled: false } },
      document: { enabled: false },
    });
    expect(await call('POST', `${PATH}/disable`)).toMatchObject({ revision: off.revision });
    const list = (await api.app.inject('/policies')).json<{ items: Answer[] }>();
    expect(list.items).toMatchObject([{ policy: 'default/high-cpu', enabled: false }]);
    const on = await call('POST', `${PATH}/enable`);
    expect(on).toMatchObject({ enabled: true, manifest: made.manifest, document: made.document });
    expect(await rows('select created_revision from policies')).toEqual([
      { created_revision: made.revision },
    ]);
  });

  test('switches at the same moment end as one of them says, each a revision or none', async () => {
    await call('PUT', PATH, SPEC);
    const verbs = ['enable', 'disable', 'enable', 'disable'];
    const answers = await Promise.all(verbs.map((verb) => call('POST', `${PATH}/${verb}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await call('POST', '/policies/default/none/enable')).toMatchObject({ status: 404 });
  });

  test('why names the disabled policy, and evaluates it no more', async () => {
    await applyFolder();
    await call('PUT', PATH, SPEC);
    await call('POST', `${PATH}/disable`);
    const why = (await api.app.inject('/why/web')).json<{ text: string[]; disabled: string[] }>();
    expect(why.disabled).toEqual(['default/high-cpu']);
    expect(why.text).toContain('  disabled: high-cpu');
  });
});

describe('policies that are not the API’s', () => {
  const changes: [Method, string, object?][] = [
    ['PUT', '', SPEC],
    ['DELETE', ''],
    ['POST', '/enable'],
    ['POST', '/disable'],
  ];

  test.each(changes)('%s %s of one from git answers 409 and names its file', async (...change) => {
    await applyFolder();
    const [method, path, body] = change;
    expect(await call(method, `/policies/default/slow${path}`, body)).toMatchObject({
      status: 409,
      detail: 'Policy default/slow belongs to source folder:manifests (slow.yaml:7)',
    });
  });

  test.each(changes)(
    '%s %s of an implied one answers 409 and names the Service',
    async (...change) => {
      await applyFolder();
      const [method, path, body] = change;
      expect(await call(method, `/policies/default/web:sync${path}`, body)).toMatchObject({
        status: 409,
        detail:
          'policy default/web:sync is implied by Service default/web (web.yaml:1): change that manifest',
      });
    },
  );

  test('they are listed by namespace and source, and shown with their manifest', async () => {
    await applyFolder();
    await call('POST', '/policies', { name: 'high-cpu', namespace: 'shop', ...SPEC });
    const keys = async (filter: string) =>
      (await api.app.inject(`/policies?${filter}`))
        .json<{ items: Answer[] }>()
        .items.map((item) => item.policy);
    expect(await keys('')).toEqual(['default/slow', 'default/web:sync', 'shop/high-cpu']);
    expect(await keys('namespace=shop')).toEqual(['shop/high-cpu']);
    expect(await keys('source=folder:manifests')).toEqual(['default/slow', 'default/web:sync']);
    expect(await call('GET', '/policies/default/web:sync')).toMatchObject({
      impliedBy: 'default/web',
      file: 'web.yaml',
      line: 1,
      manifest: { kind: 'Service' },
      revisions: [{ source: 'folder:manifests' }],
    });
  });
});

describe('reload', () => {
  test('detector and gitops are told, and the answer says what is in force', async () => {
    const heard: string[] = [];
    let isListening = false;
    const listener = listen(database.pool, {
      channels: ['vigil_revision', 'vigil_sync'],
      onNotify: (channel, payload) => heard.push(`${channel} ${payload}`),
      onListening: () => (isListening = true),
    });
    await waitFor('the listener', () => isListening);
    expect(await call('POST', '/policies/reload')).toMatchObject({
      status: 202,
      revision: 0,
      policies: 0,
    });
    const { revision } = await call('PUT', PATH, SPEC);
    await call('PUT', '/policies/default/off', { ...SPEC, enabled: false });
    expect(await call('POST', '/policies/reload')).toMatchObject({
      revision: revision + 1,
      policies: 1,
    });
    await waitFor('both channels', () => heard.length === 6);
    expect(heard.slice(-2).sort()).toEqual([`vigil_revision ${revision + 1}`, 'vigil_sync ']);
    await listener.close();
  });
});

test('a running detector judges by a policy as soon as it is there, changed, disabled or gone', async () => {
  const nowhere = createTemporalClient({
    connection: { address: '127.0.0.1:1' },
    namespace: 'default',
  });
  const detector = await startDetector({
    pool: database.pool,
    temporal: nowhere.client,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    now: Date.now,
    tickMs: 20,
  });
  await applyFolder();
  const sample = { name: 'cpu_usage', value: 0.9, tags: { resource: 'web' } };
  expect(await call('POST', '/ingest', sample)).toMatchObject({ status: 201 });
  /** What the workflow of web is to hear of the policy. */
  const told = async () => {
    const [row] = await rows(
      `select payload -> 'verdicts' as verdicts from outbox where kind = 'verdictsChanged'`,
    );
    const verdicts = (row?.['verdicts'] ?? []) as { policy: string; policyRevision: number }[];
    return verdicts.find((verdict) => verdict.policy === 'default/high-cpu');
  };
  const isTold = (what: string, verdict: object | undefined) =>
    waitFor(what, async () => {
      const found = await told();
      if (verdict === undefined) return found === undefined;
      return Object.entries(verdict).every(([key, value]) => found?.[key as 'policy'] === value);
    });
  try {
    const made = await call('PUT', PATH, SPEC);
    await isTold('the new policy', { verdict: 'true', policyRevision: made.revision });
    const edit = await call('PUT', PATH, { ...SPEC, condition: 'cpu_usage > 85% for 1m' });
    await isTold('the edit', { verdict: 'true', policyRevision: edit.revision, forMs: 60_000 });
    await call('POST', `${PATH}/disable`);
    await isTold('that it is disabled', undefined);
    const on = await call('POST', `${PATH}/enable`);
    await isTold('that it is back', { verdict: 'true', policyRevision: on.revision });
    await call('DELETE', PATH);
    await isTold('that it is gone', undefined);
  } finally {
    await detector.stop();
    await nowhere.close();
  }
});
