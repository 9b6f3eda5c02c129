import { createPool } from '../../storage/database';
import { createTestApi, type TestApi } from '../support/api';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
let api: TestApi;
beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { requestBody?: unknown; responses: object }>>;
}

test('an unknown route answers 404 as a problem', async () => {
  const answer = await api.app.inject('/api/v1/nothing?x=1');
  expect(answer.statusCode).toBe(404);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.json()).toMatchObject({
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'there is no GET /api/v1/nothing',
    requestId: answer.headers['x-request-id'],
  });
});

test('the OpenAPI document has the versioned routes and hides their aliases', async () => {
  const document = (await api.app.inject('/openapi.json')).json<OpenApi>();
  expect(document.openapi).toBe('3.1.0');
  const paths = Object.keys(document.paths);
  expect(paths).toEqual(
    expect.arrayContaining(['/api/v1/ingest', '/api/v1/query', '/api/v1/queue/stats', '/health']),
  );
  expect(paths).not.toContain('/ingest');
  expect(document.paths['/api/v1/ingest']?.['post']?.requestBody).toBeDefined();
});

test('the documentation is served, and the viewer may run its own scripts only', async () => {
  const page = await api.app.inject('/docs/');
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  expect((await api.app.inject('/redoc')).headers.location).toBe('/docs');
});

test('the queue tells what waits', async () => {
  expect((await api.app.inject('/queue/stats')).json()).toEqual({
    outbox: { pending: 0, oldestSeconds: null },
    requests: { awaitingApproval: 0, open: 0, granted: 0 },
    slots: 0,
    samplesBuffered: 0,
  });
});

test('reading answers 503 with Retry-After when the database goes away and 200 when it is back', async () => {
  const pool = createPool({ url: database.url, poolSize: 1, name: 'test' });
  pool.on('error', () => undefined);
  const flaky = await createTestApi({ pool });
  expect((await flaky.app.inject('/query')).statusCode).toBe(200);
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  client.release();
  const [slow] = await Promise.all([
    flaky.app.inject('/query'),
    database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]),
  ]);
  expect([200, 503]).toContain(slow.statusCode);
  const held = await pool.connect();
  const refused = flaky.app.inject('/query');
  const answer = await refused;
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
  held.release();
  expect((await flaky.app.inject('/query')).statusCode).toBe(200);
  await flaky.close();
  await pool.end();
});
