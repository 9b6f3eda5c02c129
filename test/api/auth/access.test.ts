import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLoopback, readToken } from '../../../platform/bearer-token';
import { ConfigError } from '../../../platform/config-loader';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';

const TOKEN = 's3cret-token';
const folder = mkdtempSync(join(tmpdir(), 'vigil-token-'));
const tokenFile = join(folder, 'token');
writeFileSync(tokenFile, `${TOKEN}\n`);

let database: TestDatabase;
let anonymous: TestApi;
let local: TestApi;
let remote: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  anonymous = await createTestApi({ pool });
  local = await createTestApi({ pool, config: { tokenFile } });
  remote = await createTestApi({ pool, config: { tokenFile, host: '0.0.0.0' } });
  for (const { app } of [anonymous, local, remote]) {
    app.all('/actor', (request) => ({ actor: request.actor }));
  }
});
afterAll(async () => {
  for (const api of [anonymous, local, remote]) await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

const ask = async ({ app }: TestApi, url: string, headers: Record<string, string> = {}) =>
  (await app.inject({ url, headers })).statusCode;

test('without the token, or with another, the answer is 401 before the body is read', async () => {
  const answer = await local.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: 'no json',
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer');
  expect(answer.json()).toMatchObject({ status: 401, title: 'Unauthorized' });
  for (const authorization of [TOKEN, `Basic ${TOKEN}`, 'Bearer', `Bearer ${TOKEN}x`, 'Bearer x']) {
    expect(await ask(local, '/query', { authorization })).toBe(401);
  }
  expect(await ask(local, '/query', { authorization: `Bearer ${TOKEN}` })).toBe(200);
});

test('unknown paths are not told apart without the token', async () => {
  expect(await ask(local, '/nowhere')).toBe(401);
  expect(await ask(local, '/nowhere', { authorization: `Bearer ${TOKEN}` })).toBe(404);
});

test('health is open; figures and documentation are open on a loopback address only', async () => {
  for (const url of ['/metrics', '/openapi.json', '/docs/']) {
    expect([url, await ask(local, url), await ask(remote, url)]).toEqual([url, 200, 401]);
  }
  expect(await ask(remote, '/health')).toBe(200);
});

test('the actor is the token or anonymous, or the person that the header names', async () => {
  const actor = async ({ app }: TestApi, headers: Record<string, string>) =>
    (await app.inject({ url: '/actor', headers })).json<{ actor: string }>().actor;
  const authorization = `Bearer ${TOKEN}`;
  expect(await actor(anonymous, {})).toBe('anonymous');
  expect(await actor(local, { authorization })).toBe('token');
  expect(await actor(local, { authorization, 'x-vigil-actor': 'Ann B' })).toBe('user:Ann B');
  expect(await ask(anonymous, '/actor', { 'x-vigil-actor': 'a\tb' })).toBe(422);
});

test('anonymous access is not lent to web pages of other origins', async () => {
  const change = async (headers: Record<string, string>) =>
    (await anonymous.app.inject({ method: 'POST', url: '/actor', headers })).statusCode;
  expect(await change({ host: '127.0.0.1:8000' })).toBe(200);
  expect(await change({ host: '[::1]:8000' })).toBe(200);
  expect(await change({ host: 'rebound.example:8000' })).toBe(403);
  expect(await change({ host: '127.0.0.1:8000', origin: 'https://evil.example' })).toBe(403);
  expect(await change({ host: '127.0.0.1:8000', origin: 'null' })).toBe(403);
  expect(await change({ host: '127.0.0.1:8000', origin: 'http://127.0.0.1:8000' })).toBe(200);
});

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example.org', false],
  ['10.0.0.1', false],
])('%s is loopback: %p', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test('an address that others reach is refused without a token, naming the remedy', () => {
  expect(readToken('api', { host: '127.0.0.1' })).toBeNull();
  expect(() => readToken('api', { host: '0.0.0.0' })).toThrow(/VIGIL_API_TOKEN_FILE/);
  expect(readToken('api', { host: '0.0.0.0', tokenFile })).toBe(TOKEN);
});

test('a token file that is missing, empty or has spaces is a configuration error', () => {
  for (const content of ['', ' \n', 'two words']) {
    const path = join(folder, 'bad');
    writeFileSync(path, content);
    expect(() => readToken('api', { host: '127.0.0.1', tokenFile: path })).toThrow(ConfigError);
  }
  expect(() => readToken('api', { host: '127.0.0.1', tokenFile: join(folder, 'none') })).toThrow(
    /cannot be read/,
  );
});
