import type { InjectOptions } from 'fastify';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createPool, query } from '../../../storage/database';
import type { StoredSample } from '../../../storage/samples';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';

let database: TestDatabase;
let api: TestApi;
const committed: StoredSample[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({
    pool: database.pool,
    store: { onCommitted: (rows) => committed.push(...rows) },
    config: { bodyLimit: 200_000 },
  });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const post = (payload: unknown, more: InjectOptions = {}) =>
  api.app.inject({ method: 'POST', url: '/api/v1/ingest', payload: payload as object, ...more });

async function stored(name: string) {
  return query(
    database.pool,
    'select value, tags, "timestamp", source from metrics where name = $1',
    [name],
  );
}

test('a sample is stored when 201 arrives, on the versioned route and its alias', async () => {
  for (const url of ['/api/v1/ingest', '/ingest']) {
    const name = `m_${randomUUID().slice(0, 8)}`;
    const timestamp = Date.now() - 5000;
    const answer = await post(
      { name, value: 0.25, tags: { service: 'web', host: 'a' }, timestamp, source: 'test' },
      { url },
    );
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toEqual({
      ok: true,
      accepted: 1,
      requestId: answer.headers['x-request-id'],
    });
    expect(await stored(name)).toEqual([
      { value: 0.25, tags: { service: 'web', host: 'a' }, timestamp, source: 'test' },
    ]);
  }
});

test('the detector hears of committed samples with owner, member, lag and correlation id', async () => {
  committed.length = 0;
  const timestamp = Date.now() - 7000;
  await post([{ name: 'heard', value: 1, tags: { service: 'web', host: 'a' }, timestamp }], {
    headers: { 'x-request-id': 'trace-7' },
  });
  const longest = Math.ceil((Date.now() - timestamp) / 1000);
  expect(committed).toMatchObject([
    {
      name: 'heard',
      owner: 'default/web',
      member: 'default/web@a',
      correlationId: 'trace-7',
    },
  ]);
  expect(committed[0]?.lag).toBeGreaterThanOrEqual(7);
  expect(committed[0]?.lag).toBeLessThanOrEqual(longest);
});

test('a batch with one bad sample stores nothing and lists the problems', async () => {
  const answer = await post([
    { name: 'half_good', value: 1 },
    { name: 'half_good', value: 'Infinity' },
  ]);
  expect(answer.statusCode).toBe(422);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.json()).toEqual({
    type: 'about:blank',
    title: 'Unprocessable Entity',
    status: 422,
    detail: 'nothing was stored',
    requestId: answer.headers['x-request-id'],
    problems: [{ index: 1, field: 'value', message: 'must be a finite number, not Infinity' }],
  });
  expect(await stored('half_good')).toEqual([]);
});

test('NaN and Infinity without quotes are named like any other bad value', async () => {
  const answer = await post('[{"name":"a","value":1},{"name":"x NaN","value":-Infinity}]', {
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.statusCode).toBe(422);
  expect(answer.json<{ problems: unknown[] }>().problems).toContainEqual({
    index: 1,
    field: 'value',
    message: 'must be a finite number, not -Infinity',
  });
});

test('a body that is no JSON answers 400, one of another type 415', async () => {
  const headers = { 'content-type': 'application/json' };
  expect((await post('{"name":', { headers })).statusCode).toBe(400);
  expect((await post('', { headers })).statusCode).toBe(400);
  const xml = await post('<a/>', { headers: { 'content-type': 'text/xml' } });
  expect(xml.statusCode).toBe(415);
  expect(xml.json()).toMatchObject({ status: 415, title: 'Unsupported Media Type' });
});

test('a body above the limit answers 413', async () => {
  const answer = await post({ name: 'a', value: 1, source: 'x'.repeat(200_000) });
  expect(answer.statusCode).toBe(413);
  expect(answer.json()).toMatchObject({ status: 413, title: 'Payload Too Large' });
});

test('a client over its limit answers 429 with Retry-After, and health stays open', async () => {
  const limited = await createTestApi({ pool: database.pool, config: { rateLimit: 2 } });
  const send = () =>
    limited.app.inject({ method: 'POST', url: '/ingest', payload: { name: 'a', value: 1 } });
  expect([(await send()).statusCode, (await send()).statusCode]).toEqual([201, 201]);
  const answer = await send();
  expect(answer.statusCode).toBe(429);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect((await limited.app.inject('/health')).statusCode).toBe(200);
  await limited.close();
});

test('503 with Retry-After while PostgreSQL is away', async () => {
  const pool = createPool({ url: 'postgres://vigil@127.0.0.1:1/none', poolSize: 1, name: 'test' });
  const away = await createTestApi({ pool });
  const answer = await away.app.inject({
    method: 'POST',
    url: '/api/v1/ingest',
    payload: { name: 'a', value: 1 },
  });
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ status: 503, detail: 'PostgreSQL does not answer' });
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  await away.close();
  await pool.end();
});

test('503 with Retry-After while more samples wait than the store may hold', async () => {
  const full = await createTestApi({ pool: database.pool, store: { maxBufferedRows: 2 } });
  const send = () =>
    full.app.inject({
      method: 'POST',
      url: '/ingest',
      payload: [
        { name: 'a', value: 1 },
        { name: 'b', value: 1 },
      ],
    });
  const answers = await Promise.all([send(), send(), send()]);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 503, 503]);
  expect(answers[1].headers['retry-after']).toBe('1');
  await full.close();
});

test('X-Request-ID is taken when sane, else made, and is in the log line of a failure', async () => {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const pool = createPool({ url: 'postgres://vigil@127.0.0.1:1/none', poolSize: 1, name: 'test' });
  const logged = await createTestApi({ pool, deps: { logger: pino({ level: 'warn' }, sink) } });
  const send = (id: string) =>
    logged.app.inject({
      method: 'POST',
      url: '/ingest',
      payload: { name: 'a', value: 1 },
      headers: { 'x-request-id': id },
    });
  expect((await send('abc-1')).headers['x-request-id']).toBe('abc-1');
  expect(lines.map((line) => (JSON.parse(line) as { requestId: string }).requestId)).toEqual([
    'abc-1',
  ]);
  const made = (await send('no good\u00e9 id')).headers['x-request-id'];
  expect(made).toMatch(/^[0-9a-f-]{36}$/);
  await logged.close();
  await pool.end();
});
