import { createPool } from '../../../storage/database';
import { createRedis } from '../../../storage/redis';
import { createTestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait';
import { pino } from 'pino';

const logger = pino({ level: 'silent' });
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('all well without Redis is ok, and Redis is absent', async () => {
  const api = await createTestApi({ pool: database.pool });
  const answer = await api.app.inject('/health');
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    {
      status: 'ok',
      dependencies: {
        postgres: { status: 'ok' },
        temporal: { status: 'ok' },
        redis: { status: 'absent' },
      },
      version: '0.0.0-test',
    },
  ]);
  await api.close();
});

test('Temporal or Redis away is degraded, which is not down', async () => {
  const redis = createRedis('redis://127.0.0.1:1', logger);
  const api = await createTestApi({
    pool: database.pool,
    deps: { redis },
    temporalAddress: '127.0.0.1:1',
  });
  const started = Date.now();
  const answer = await api.app.inject('/health');
  expect(Date.now() - started).toBeLessThan(5000);
  expect([answer.statusCode, answer.json()]).toMatchObject([
    200,
    {
      status: 'degraded',
      dependencies: {
        postgres: { status: 'ok' },
        temporal: { status: 'down' },
        redis: { status: 'down' },
      },
    },
  ]);
  // Its call to Temporal is tried again for some time; shut under it, the channel would throw to nobody.
  await waitFor('the last try', () => Date.now() - started > 5000);
  await api.close();
  redis?.close();
});

test('PostgreSQL away is down, with 503', async () => {
  const pool = createPool({ url: 'postgres://vigil@127.0.0.1:1/none', poolSize: 1, name: 'test' });
  const api = await createTestApi({ pool });
  const answer = await api.app.inject('/health');
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({
    status: 'down',
    dependencies: {
      postgres: { status: 'down', detail: expect.stringContaining('ECONNREFUSED') as string },
    },
  });
  await api.close();
  await pool.end();
});

test('figures name routes by pattern, so that no path makes a new label', async () => {
  const api = await createTestApi({ pool: database.pool });
  await api.app.inject({ method: 'POST', url: '/api/v1/ingest', payload: { name: 'a', value: 1 } });
  await api.app.inject({ method: 'POST', url: '/ingest', payload: [] });
  await api.app.inject('/never/heard/of');
  const { body, headers } = await api.app.inject('/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(body).toContain(
    'vigil_http_request_seconds_count{method="POST",route="/ingest",status="201"} 1',
  );
  expect(body).toContain(
    'vigil_http_request_seconds_count{method="POST",route="/ingest",status="422"} 1',
  );
  expect(body).toContain(
    'vigil_http_request_seconds_count{method="any",route="none",status="404"} 1',
  );
  expect(body).not.toContain('never');
  expect(body).toContain('vigil_samples_accepted_total 1');
  expect(body).toContain('vigil_ingest_refused_total 1');
  await api.close();
});
