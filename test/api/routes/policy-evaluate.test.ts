import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { policy, service } from '../../support/manifest-objects';
import { condition } from '../../support/policies';

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  await applyRevision(database.pool, {
    source: 'folder:manifests',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: [
      service('web'),
      service('db'),
      policy('busy', {
        target: { name: 'web', labels: {} },
        condition: condition('cpu_usage > 80% for 5m'),
      }),
    ],
    deletions: [],
  });
  const payload = [0, 60, 120].map((ago) => ({
    name: 'cpu_usage',
    value: 0.9,
    tags: { resource: 'web' },
    timestamp: Date.now() - ago * 1000,
  }));
  // The last one counts as late and is not looked at.
  await api.app.inject({ method: 'POST', url: '/ingest', payload });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

interface Answer {
  verdict: string;
  since: string;
  firesInMs: number | null;
  evidence: unknown[];
  problems: { field: string; message: string }[];
}

async function evaluate(payload: object) {
  const url = '/api/v1/policies/evaluate';
  const answer = await api.app.inject({ method: 'POST', url, payload });
  return { status: answer.statusCode, ...answer.json<Answer>() };
}

test('a condition on given metrics alone, at the time of the newest', async () => {
  const metrics = [
    { name: 'cpu_usage', value: 0.2, timestamp: '2026-05-01T12:00:00Z' },
    { name: 'cpu_usage', value: 0.95, timestamp: '2026-05-01T12:01:00Z' },
    { name: 'cpu_usage', value: 0.93, timestamp: '2026-05-01T12:03:00Z' },
  ];
  expect(await evaluate({ condition: 'cpu_usage > 80% for 5m', metrics })).toMatchObject({
    status: 200,
    policy: null,
    resource: null,
    targeted: null,
    at: '2026-05-01T12:03:00.000Z',
    verdict: 'true',
    since: '2026-05-01T12:01:00.000Z',
    value: 0.93,
    firesInMs: 180_000,
    fires: false,
    evidence: [{ series: 'cpu_usage', value: 0.93 }],
    explanation: expect.stringContaining('fires at 12:06:00') as string,
    step: null,
  });
  const later = { condition: 'cpu_usage > 80% for 5m', metrics, at: '2026-05-01T12:06:00Z' };
  expect(await evaluate(later)).toMatchObject({ firesInMs: 0, fires: true });
});

test('series of different tags are told apart', async () => {
  const metrics = [
    { name: 'up', value: 1, tags: { host: 'a' } },
    { name: 'up', value: 0, labels: { host: 'b' } },
  ];
  const answer = await evaluate({ condition: 'up == 0', metrics });
  expect(answer).toMatchObject({ verdict: 'true', fires: true });
  expect(answer.evidence).toHaveLength(2);
});

test('a policy in force on stored samples says what it would do', async () => {
  expect(await evaluate({ policy: 'default/busy', resource: 'web' })).toMatchObject({
    status: 200,
    policy: 'default/busy',
    resource: 'default/web',
    targeted: true,
    verdict: 'true',
    fires: false,
    step: { action: 'restart', params: {} },
    mode: 'enforce',
  });
  expect(await evaluate({ policy: 'busy', resource: 'default/db' })).toMatchObject({
    targeted: false,
    verdict: 'unknown',
    firesInMs: null,
  });
});

test('a policy that is only an idea is evaluated as well, and nothing is written', async () => {
  const before = await query(database.pool, 'select * from revisions');
  const idea = { condition: { type: 'metric_exceeds', metric: 'cpu_usage', threshold: 0.8 } };
  const scale = { ...idea, action: 'scale-up', mode: 'dry-run' };
  expect(await evaluate({ policy: scale, resource: 'web' })).toMatchObject({
    policy: 'default/unnamed',
    verdict: 'true',
    fires: true,
    step: { action: 'scale', params: { by: 1 } },
    mode: 'dry-run',
  });
  expect(await evaluate({ ...idea, resource: 'web' })).toMatchObject({ verdict: 'true' });
  expect(await query(database.pool, 'select * from revisions')).toEqual(before);
});

test.each([
  [{}, ['policy', 'resource']],
  [{ policy: 'a', condition: 'up', resource: 'web' }, ['policy']],
  [{ condition: 'up' }, ['resource']],
  [{ condition: 'up >', resource: 'web' }, ['api:1:1']],
  [{ policy: { condition: 'up', action: 'teleport' }, resource: 'web' }, ['api:1:1']],
  [{ condition: 'up', metrics: [] }, ['metrics']],
  [
    {
      condition: 'up',
      metrics: [
        { name: 'up', value: 1 },
        { name: 'up', val: 1 },
      ],
    },
    ['metrics[1].val', 'metrics[1].value'],
  ],
  [{ condition: 'up', resource: 'web', at: 'yesterday' }, ['at']],
  [{ condition: 'up', resource: 'web', att: 1 }, ['att']],
])('%j is refused', async (body, fields) => {
  const answer = await evaluate(body);
  expect(answer.status).toBe(422);
  expect(answer.problems.map(({ field }) => field)).toEqual(fields);
});

test('what is not there is not found', async () => {
  expect(await evaluate({ policy: 'default/none', resource: 'web' })).toMatchObject({
    status: 404,
    detail: 'there is no policy default/none',
  });
  expect(await evaluate({ condition: 'up', resource: 'none' })).toMatchObject({ status: 404 });
});

test('the warnings of a policy that is only asked about are answered, too', async () => {
  const metrics = [{ name: 'errors_total', value: 5 }];
  const policy = { condition: 'errors_total > 3', action: 'restart' };
  expect(await evaluate({ policy, metrics })).toMatchObject({
    warnings: [{ field: 'api:1:1', message: expect.stringContaining('only grows') as string }],
  });
  const { condition } = policy;
  expect(await evaluate({ condition, metrics })).toMatchObject({ warnings: [] });
  expect(await evaluate({ policy: 'default/busy', metrics })).toMatchObject({ warnings: [] });
});
