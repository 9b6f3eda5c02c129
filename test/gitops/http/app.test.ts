import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { buildApp, type GitopsAppDeps } from '../../../gitops/http/app';
import type { Push } from '../../../gitops/sources/source';

const KEY = 'webhook-key';
const NOW = 1_700_000_000_000;

let folder: string;
let app: FastifyInstance;
let heard: Push[];

async function start(changes: Partial<GitopsAppDeps> = {}): Promise<void> {
  const file = join(folder, 'key');
  writeFileSync(file, `${KEY}\n`);
  app = await buildApp({
    statuses: () => [],
    wake(push) {
      heard.push(push);
      return ['git:fleet'];
    },
    secretFiles: { github: file, gitlab: file, generic: file },
    token: null,
    registry: new Registry(),
    logger: pino({ level: 'silent' }),
    now: () => NOW,
    ...changes,
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-hooks-'));
  heard = [];
});
afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const sign = (text: string, key = KEY): string =>
  `sha256=${createHmac('sha256', key).update(text).digest('hex')}`;

async function post(path: string, payload: string, headers: Record<string, string>) {
  const response = await app.inject({
    method: 'POST',
    url: `/webhooks/${path}`,
    payload,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

const PUSH = JSON.stringify({
  ref: 'refs/heads/main',
  repository: {
    clone_url: 'https://github.com/acme/fleet.git',
    ssh_url: 'git@github.com:acme/fleet.git',
  },
});
const github = (payload: string, changes: Record<string, string> = {}) =>
  post('github', payload, {
    'x-github-event': 'push',
    'x-hub-signature-256': sign(payload),
    ...changes,
  });

describe('GitHub', () => {
  beforeEach(() => start());

  test('a signed push makes its sources look', async () => {
    expect(await github(PUSH)).toEqual({ status: 202, body: { woken: ['git:fleet'] } });
    expect(heard).toEqual([
      {
        urls: ['https://github.com/acme/fleet.git', 'git@github.com:acme/fleet.git'],
        ref: 'refs/heads/main',
      },
    ]);
  });

  test('a wrong signature, one of another body, or none is refused, and nothing looks', async () => {
    const wrong = { 'x-hub-signature-256': sign(PUSH, 'other-key') };
    expect(await github(PUSH, wrong)).toMatchObject({
      status: 401,
      body: { detail: 'the signature in x-hub-signature-256 is wrong' },
    });
    expect(await github(`${PUSH} `, { 'x-hub-signature-256': sign(PUSH) })).toMatchObject({
      status: 401,
    });
    expect(await github(PUSH, { 'x-hub-signature-256': 'sha256=' })).toMatchObject({ status: 401 });
    expect(await post('github', PUSH, { 'x-github-event': 'push' })).toMatchObject({
      status: 401,
      body: { detail: 'the header x-hub-signature-256 is missing' },
    });
    expect(heard).toEqual([]);
  });

  test('the documented example of a signature is right', async () => {
    // From https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    writeFileSync(join(folder, 'key'), "It's a Secret to Everybody");
    const headers = {
      'x-github-event': 'ping',
      'x-hub-signature-256':
        'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    expect(await post('github', 'Hello, World!', headers)).toEqual({
      status: 202,
      body: { woken: [] },
    });
  });

  test('a form that holds the payload is a push, too, and a body that is no JSON is said to be none', async () => {
    const form = new URLSearchParams({ payload: PUSH }).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await github(form, type)).toMatchObject({ status: 202 });
    expect(heard[0]?.ref).toBe('refs/heads/main');
    expect(await github('{')).toMatchObject({
      status: 400,
      body: { detail: 'the body is no JSON' },
    });
  });

  test('other events are taken and mean nothing; a new branch may be any', async () => {
    expect(await github(PUSH, { 'x-github-event': 'issues' })).toEqual({
      status: 202,
      body: { woken: [] },
    });
    await github(PUSH, { 'x-github-event': 'create' });
    expect(heard.map(({ ref }) => ref)).toEqual([null]);
  });

  test('a key that is changed counts at once', async () => {
    writeFileSync(join(folder, 'key'), 'new-key');
    expect(await github(PUSH)).toMatchObject({ status: 401 });
    expect(await github(PUSH, { 'x-hub-signature-256': sign(PUSH, 'new-key') })).toMatchObject({
      status: 202,
    });
  });
});

test('GitLab proves itself by its token', async () => {
  await start();
  const payload = JSON.stringify({
    ref: 'refs/tags/v1',
    project: { git_http_url: 'https://gitlab.com/acme/fleet.git' },
  });
  const event = { 'x-gitlab-event': 'Tag Push Hook' };
  expect(await post('gitlab', payload, { ...event, 'x-gitlab-token': KEY })).toMatchObject({
    status: 202,
  });
  expect(heard).toEqual([{ urls: ['https://gitlab.com/acme/fleet.git'], ref: 'refs/tags/v1' }]);
  expect(await post('gitlab', payload, { ...event, 'x-gitlab-token': 'guess' })).toMatchObject({
    status: 401,
  });
  expect(await post('gitlab', payload, event)).toMatchObject({ status: 401 });
});

const signedAt = (seconds: number, payload: string) => ({
  'x-vigil-timestamp': String(seconds),
  'x-vigil-signature': sign(`${seconds}.${payload}`),
});

test('anybody else signs time and body, and an old delivery is not believed again', async () => {
  await start();
  const payload = JSON.stringify({ url: 'https://git.example.com/fleet', ref: 'refs/heads/main' });
  const at = (seconds: number) => signedAt(seconds, payload);
  expect(await post('generic', payload, at(NOW / 1000))).toMatchObject({ status: 202 });
  expect(heard[0]).toEqual({ urls: ['https://git.example.com/fleet'], ref: 'refs/heads/main' });
  expect(await post('generic', payload, at(NOW / 1000 - 301))).toMatchObject({ status: 401 });
  expect(await post('generic', payload, { ...at(1), 'x-vigil-timestamp': 'now' })).toMatchObject({
    status: 401,
  });
  expect(await post('generic', '', signedAt(NOW / 1000, ''))).toMatchObject({ status: 202 });
  expect(heard[1]).toEqual({ urls: [], ref: null });
});

test.each([
  ['[]', 'the body must be a JSON object'],
  ['null', 'the body must be a JSON object'],
  ['{"url":5}', '"url" must be a string'],
  ['{"url":["https://git.example.com/fleet"]}', '"url" must be a string'],
  ['{"url":"https://git.example.com/fleet","ref":null}', '"ref" must be a string'],
  ['{', 'the body is no JSON'],
])('the body %s wakes nobody: %s', async (payload, detail) => {
  await start();
  expect(await post('generic', payload, signedAt(NOW / 1000, payload))).toMatchObject({
    status: 400,
    body: { detail },
  });
  expect(heard).toEqual([]);
});

test('a push of GitHub or GitLab that is no object wakes nobody', async () => {
  await start();
  const gitlab = { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': KEY };
  expect(await github('[]')).toMatchObject({ status: 400 });
  expect(await post('gitlab', '[]', gitlab)).toMatchObject({ status: 400 });
  expect(heard).toEqual([]);
});

test('a sender without a key is refused with what to configure', async () => {
  await start({ secretFiles: {} });
  expect(await github(PUSH)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('gitops.webhooks.github.secretFile') as string },
  });
});

test.each([
  [
    'is missing',
    (file: string) => {
      rmSync(file);
    },
    'ENOENT',
  ],
  [
    'is empty',
    (file: string) => {
      writeFileSync(file, '\n');
    },
    'is empty',
  ],
])('a key that %s is told by its setting, and in the log by its file', async (_, spoil, why) => {
  const lines: string[] = [];
  await start({ logger: pino({ level: 'error' }, { write: (line) => void lines.push(line) }) });
  const file = join(folder, 'key');
  spoil(file);
  expect(await github(PUSH)).toMatchObject({
    status: 503,
    body: {
      detail: 'the key in gitops.webhooks.github.secretFile cannot be read; the log says why',
    },
  });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    ...{ sender: 'github', file, msg: 'webhook key cannot be read' },
    err: { message: expect.stringContaining(why) as string },
  });
  writeFileSync(file, KEY);
  expect(await github(PUSH)).toMatchObject({ status: 202 });
});

test('with a token, only health and webhooks are open', async () => {
  await start({ token: 'the-token' });
  const get = async (url: string, authorization?: string) =>
    (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } }))
      .statusCode;
  expect(await get('/health')).toBe(200);
  expect(await github(PUSH)).toMatchObject({ status: 202 });
  for (const page of ['/status', '/metrics', '/none']) {
    expect(await get(page)).toBe(401);
    expect(await get(page, 'Bearer wrong')).toBe(401);
  }
  expect(await get('/status', 'Bearer the-token')).toBe(200);
  expect(await get('/metrics', 'Bearer the-token')).toBe(200);
  expect(await get('/none', 'Bearer the-token')).toBe(404);
});
