import { applyRevision } from '../../../storage/manifests';
import { query } from '../../../storage/database';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';

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

const WEB = {
  apiVersion: 'vigil.io/v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { runtime: { type: 'process', command: ['node', 'server.js'] } },
};

const WEB_DOWN = `
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: web-down }
spec:
  condition: http_up < 1 for 3 attempts
  action: restart
`;

interface Answer {
  status?: number;
  revision: number;
  changed: { name: string; change: string }[];
  unchanged: number;
  problems: { index?: number; field: string; message: string }[];
  warnings: { index?: number; field: string; message: string }[];
}

async function put(payload: object | string, actor = 'ann') {
  const type = typeof payload === 'string' ? 'application/yaml' : 'application/json';
  const headers = { 'content-type': type, 'x-vigil-actor': actor };
  const answer = await api.app.inject({
    method: 'PUT',
    url: '/api/v1/manifests',
    payload,
    headers,
  });
  return { status: answer.statusCode, ...answer.json<Answer>() };
}

test('JSON and YAML are applied as source api, and a second time change nothing', async () => {
  const first = await put([WEB]);
  expect(first).toMatchObject({ status: 200, changed: [{ name: 'web', change: 'created' }] });
  const second = await put(WEB_DOWN);
  expect(second.revision).toBeGreaterThan(first.revision);
  const again = await put(WEB_DOWN);
  expect(again).toMatchObject({ revision: second.revision, changed: [], unchanged: 1 });

  const list = await api.app.inject('/manifests?source=api');
  expect(list.json<{ items: unknown[] }>().items).toMatchObject([
    { kind: 'Policy', namespace: 'default', name: 'web-down', source: 'api' },
    { kind: 'Service', namespace: 'default', name: 'web', document: WEB },
  ]);
  const rows = await query<{ actor: string; door: string }>(
    database.pool,
    `select actor, door from audit_events where event = 'manifest_applied'`,
  );
  expect(rows).toEqual([
    { actor: 'user:ann', door: 'api' },
    { actor: 'user:ann', door: 'api' },
  ]);
});

test('every problem of every document is listed, and nothing is applied', async () => {
  const typo = { ...WEB, metadata: { name: 'Not A Name' } };
  const answer = await put([WEB, typo, { ...WEB, kind: 'Servce' }]);
  expect(answer.status).toBe(422);
  const problems = answer.problems.map(({ index, field }) => ({ index, field }));
  expect(problems).toEqual(
    expect.arrayContaining([
      { index: 1, field: expect.stringMatching(/^api:\d+:\d+$/) as string },
      { index: 2, field: expect.stringMatching(/^api:\d+:\d+$/) as string },
    ]),
  );
  expect(problems.some(({ index }) => index === 0)).toBe(false);
  expect(await query(database.pool, 'select 1 from revisions')).toEqual([]);
});

test('a misspelt word in YAML is found at its line and column', async () => {
  const answer = await put(WEB_DOWN.replace('action: restart', 'acton: restart'));
  expect(answer.status).toBe(422);
  expect(answer.problems).toEqual(
    expect.arrayContaining([expect.objectContaining({ field: 'api:7:3' })]),
  );
});

test('a body without a manifest is refused', async () => {
  expect((await put('# only a comment\n')).status).toBe(422);
  expect((await put([])).status).toBe(422);
});

test('a manifest of another source stays, and the answer names its file', async () => {
  await applyRevision(database.pool, {
    source: 'folder:manifests',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [service('web')],
    deletions: [],
  });
  const answer = await put(WEB);
  expect(answer.status).toBe(409);
  expect(answer.problems).toEqual([
    { field: 'api:1:1', message: expect.stringContaining('web.yaml') as string },
  ]);
  const url = '/api/v1/manifests/Service/default/web';
  const deletion = await api.app.inject({ method: 'DELETE', url });
  expect(deletion.statusCode).toBe(409);
  expect((await api.app.inject('/api/v1/resources/default/web')).statusCode).toBe(200);
});

test('a deletion stops the management and stays in the history, whatever samples still come', async () => {
  const sample = { name: 'up', value: 1, tags: { resource: 'web' } };
  await api.app.inject({ method: 'POST', url: '/ingest', payload: sample });
  await put(WEB, 'ann');
  await put({ ...WEB, spec: { runtime: { type: 'process', command: ['true'] } } }, 'bob');
  const url = '/api/v1/manifests/service/default/web';
  const { versions } = (await api.app.inject(url)).json<{ versions: { revision: number }[] }>();
  expect(versions).toMatchObject([
    { author: 'user:bob', deleted: false },
    { author: 'user:ann', deleted: false },
  ]);

  const deletion = await api.app.inject({ method: 'DELETE', url });
  expect(deletion.json<Answer>().revision).toBeGreaterThan(versions[0]?.revision ?? Infinity);
  expect((await api.app.inject(url)).statusCode).toBe(404);
  expect((await api.app.inject({ method: 'DELETE', url })).statusCode).toBe(404);
  expect((await api.app.inject('/resources/default/web')).statusCode).toBe(404);
});

test('manifests are listed page by page, and filtered', async () => {
  await put(['c', 'a', 'b'].map((name) => ({ ...WEB, metadata: { name } })));
  await put({ ...WEB, metadata: { name: 'a', namespace: 'other' } });
  const names: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const answer = await api.app.inject(
      `/manifests?kind=Service&namespace=default&limit=2${query}`,
    );
    const page = answer.json<{ items: { name: string }[]; nextCursor: string | null }>();
    names.push(...page.items.map(({ name }) => name));
    cursor = page.nextCursor;
  }
  expect(names).toEqual(['a', 'b', 'c']);
  expect((await api.app.inject('/manifests?cursor=nonsense')).statusCode).toBe(422);
});

describe('what the checker finds besides errors', () => {
  const policy = (name: string, spec: object) => ({
    apiVersion: 'vigil.io/v1',
    kind: 'Policy',
    metadata: { name },
    spec: { condition: 'cpu_usage > 80%', action: 'restart', target: { name: 'web*' }, ...spec },
  });
  const web = (name: string) => ({ ...WEB, metadata: { name } });

  test('warnings are answered, an empty list when there are none', async () => {
    expect(await put([WEB, policy('busy', {})])).toMatchObject({ status: 200, warnings: [] });
    expect(await put([policy('busy', { clear: 'cpu_usage < 90%' })])).toMatchObject({
      status: 200,
      warnings: [{ index: 0, message: expect.stringContaining('overlaps') as string }],
    });
    expect(await put(WEB_DOWN.replace('http_up < 1', 'errors_total > 1'))).toMatchObject({
      status: 200,
      warnings: [{ field: 'api:6:14', message: expect.stringContaining('only grows') as string }],
    });
  });

  test('a share that comes to no target at all is refused, with the Services in force counted in', async () => {
    const half = policy('half', { limits: { maxConcurrent: '50%' } });
    const refused = await put([web('web-1'), half]);
    expect(refused).toMatchObject({
      status: 422,
      problems: [
        {
          message:
            '/spec/limits/maxConcurrent: limits.maxConcurrent: 50 % of 1 = 0: never heals; write at least 100%, or a number',
        },
      ],
    });
    await put(web('web-2'));
    expect(await put([web('web-1'), half])).toMatchObject({ status: 200, warnings: [] });
  });

  test('a Group is known to the policies that come after it', async () => {
    const fleet = {
      apiVersion: 'vigil.io/v1',
      kind: 'Group',
      metadata: { name: 'fleet' },
      spec: { members: { name: 'web*' }, limits: { maxUnhealthy: 1 } },
    };
    const grouped = policy('grouped', { limits: { group: 'fleet' } });
    expect(await put([web('web-1'), grouped])).toMatchObject({
      status: 200,
      warnings: [{ message: expect.stringContaining('makes the group default/fleet') as string }],
    });
    expect(await put(fleet)).toMatchObject({ status: 200, warnings: [] });
    const again = policy('grouped', { limits: { group: 'fleet', perHour: 5 } });
    expect(await put(again)).toMatchObject({ status: 200, warnings: [] });
  });

  test('dependencies in a circle are refused, with the Services in force counted in', async () => {
    const needing = (name: string, dependsOn: string[]) => ({
      ...web(name),
      spec: { ...WEB.spec, dependsOn },
    });
    expect(await put([needing('front', ['back']), web('back')])).toMatchObject({ status: 200 });
    expect(await put(needing('back', ['front']))).toMatchObject({
      status: 422,
      problems: [{ message: expect.stringContaining('go in a circle') as string }],
    });
  });

  test('a verb that a runtime lacks is a warning in a dry run', async () => {
    const { status, warnings } = await put([WEB, policy('more', { action: 'scale_up' })]);
    expect(status).toBe(200);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('can only be a dry run'),
      expect.stringContaining('cannot be done to Service default/web'),
    ]);
  });

  test('a policy that looks back further than samples are kept is refused', async () => {
    const long = policy('long', { condition: 'avg_over_time(cpu_usage[40d]) > 80%' });
    expect(await put(long)).toMatchObject({ status: 422 });
  });
});
