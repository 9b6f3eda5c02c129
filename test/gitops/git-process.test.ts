/** The gitops process against a repository served over HTTP: what people push is what is in force, or why not. */
import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { createTestDatabase, type TestDatabase } from '../support/database';
import {
  createRepository,
  serveGit,
  type GitServer,
  type TestRepository,
} from '../support/git-server';
import { unusedPort } from '../support/stack-ports';
import { waitFor } from '../support/wait';
import { query } from '../../storage/database';

jest.setTimeout(60_000);

const ROOT = join(__dirname, '../..');
const SECRET = 'a-secret-of-the-hook';
/** So seldom that only a webhook can be the reason for a look. */
const NEVER = '10m';

interface Status {
  revision: number | null;
  lastError: string | null;
  problems: string[];
  objects: number;
  origin: { commit: string; signedBy?: string | null } | null;
}

let database: TestDatabase;
let repository: TestRepository;
let server: GitServer;
let child: ChildProcess | null;
let port: number;

beforeEach(async () => {
  database = await createTestDatabase();
  repository = createRepository();
  server = await serveGit(repository.root, await unusedPort());
  child = null;
});
afterEach(async () => {
  const exited = child === null || new Promise((resolve) => child?.once('exit', resolve));
  child?.kill('SIGTERM');
  await exited;
  await server.close();
  repository.remove();
  await database.drop();
});

async function start(source: Record<string, unknown> = {}): Promise<void> {
  const config = join(repository.root, 'config.yaml');
  const secretFile = join(repository.root, 'secret');
  writeFileSync(secretFile, SECRET);
  const fleet = { name: 'fleet', git: server.url, branch: 'main', ...source };
  const gitops = {
    ...{ port: 0, folders: [], webhooks: { github: { secretFile } } },
    sources: [{ poll: { fast: NEVER, slow: NEVER }, ...fleet }],
  };
  writeFileSync(config, stringify({ gitops }));
  const hook = join(ROOT, 'test/support/typescript-hook.cjs');
  const started = spawn(process.execPath, ['-r', hook, join(ROOT, 'gitops/main.ts')], {
    cwd: repository.root,
    env: {
      ...{ PATH: process.env['PATH'], HOME: repository.root },
      ...{ VIGIL_DATABASE_URL: database.url, CONFIG_PATH: config, VIGIL_HOME: repository.root },
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child = started;
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: started.stdout ?? process.stdin }).on('line', (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  const ready = await waitFor('ready', () => lines.find(({ msg }) => msg === 'ready'));
  port = ready['port'] as number;
}

async function status(): Promise<Status> {
  const response = await fetch(`http://127.0.0.1:${port}/status`);
  const { items } = (await response.json()) as { items: Status[] };
  const [item] = items;
  if (item === undefined) throw new Error('no source');
  return item;
}

const until = (what: string, isSo: (status: Status) => boolean) =>
  waitFor(what, async () => {
    const now = await status();
    return isSo(now) && now;
  });

/** What GitHub sends after a push; the answer's status. */
async function push(key = SECRET): Promise<number> {
  const body = JSON.stringify({ ref: 'refs/heads/main', repository: { clone_url: server.url } });
  const signature = createHmac('sha256', key).update(body).digest('hex');
  const response = await fetch(`http://127.0.0.1:${port}/webhooks/github`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-github-event': 'push' },
      'x-hub-signature-256': `sha256=${signature}`,
    },
    body,
  });
  return response.status;
}

function service(name: string, replicas = 1): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec: { runtime: { type: docker, image: ${name}, replicas: ${replicas} } }
`;
}

async function inForce(): Promise<string[]> {
  const rows = await query<{ text: string }>(
    database.pool,
    `select name || ' ' || (spec -> 'runtime' ->> 'replicas') as text from resources
     where deleted_at is null order by name`,
  );
  return rows.map(({ text }) => text);
}

it('applies what is pushed within two seconds of the signed webhook, and hears no other', async () => {
  const first = repository.commit({ 'web.yaml': service('web') });
  await start();
  await until('the first revision', ({ revision }) => revision === 1);
  expect(await inForce()).toEqual(['web 1']);
  const second = repository.commit({ 'web.yaml': service('web', 2), 'api.yaml': service('api') });
  expect(await push('another key')).toBe(401);
  expect((await status()).origin).toMatchObject({ commit: first });
  const tookMs: number[] = [];
  const applied = async (revision: number): Promise<Status> => {
    const from = Date.now();
    expect(await push()).toBe(202);
    const now = await until('the next revision', (one) => one.revision === revision);
    tookMs.push(Date.now() - from);
    return now;
  };
  expect(await applied(2)).toMatchObject({
    ...{ lastError: null, objects: 2, origin: { commit: second } },
  });
  expect(await inForce()).toEqual(['api 1', 'web 2']);
  // A busy machine may delay any of them, not all.
  for (const replicas of [3, 4]) {
    repository.commit({ 'web.yaml': service('web', replicas) });
    await applied(replicas);
  }
  expect(Math.min(...tookMs)).toBeLessThanOrEqual(2000);
});

it('a broken push changes nothing and shows its lines; a force-push is followed', async () => {
  const good = repository.commit({ 'web.yaml': service('web') });
  await start();
  await until('the first revision', ({ revision }) => revision === 1);
  repository.commit({ 'web.yaml': service('web', 3), 'api.yaml': 'kind: [half' });
  await push();
  const broken = await until('the problem', ({ problems }) => problems.length > 0);
  expect(broken.problems.join('\n')).toMatch(/api\.yaml:1:\d+: /);
  expect(broken).toMatchObject({ revision: 1 });
  expect(await inForce()).toEqual(['web 1']);
  repository.git('reset', '--quiet', '--hard', good);
  repository.commit({ 'web.yaml': service('web', 4) }, { force: true });
  await push();
  await until(
    'what was forced',
    ({ revision, problems }) => revision === 2 && problems.length === 0,
  );
  expect(await inForce()).toEqual(['web 4']);
});

it('a branch that is deleted, and a repository that is away, prune nothing', async () => {
  repository.commit({ 'web.yaml': service('web') });
  await start({ poll: { fast: '1s', slow: '1s' } });
  await until('the first revision', ({ revision }) => revision === 1);
  repository.git('push', '--quiet', 'origin', 'HEAD:refs/heads/other');
  repository.git('--git-dir', repository.bare, 'symbolic-ref', 'HEAD', 'refs/heads/other');
  repository.git('push', '--quiet', 'origin', '--delete', 'main');
  await until('the deleted branch', ({ lastError }) => (lastError ?? '').includes('main'));
  expect(await inForce()).toEqual(['web 1']);
  const gitPort = Number(new URL(server.url).port);
  await server.close();
  await until(
    'the absence',
    ({ lastError }) => lastError !== null && !lastError.includes('branch'),
  );
  expect(await inForce()).toEqual(['web 1']);
  repository.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  server = await serveGit(repository.root, gitPort);
  await until('its return', ({ lastError }) => lastError === null);
  expect(await inForce()).toEqual(['web 1']);
});

it('an unsigned head is refused, and the last good revision stays', async () => {
  const key = join(repository.root, 'signing');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ann', '-f', key]);
  const signed = { sign: true, settings: ['gpg.format=ssh', `user.signingkey=${key}`] };
  const good = repository.commit({ 'web.yaml': service('web') }, signed);
  await start({ verify: { mode: 'ssh', keys: [`${key}.pub`] } });
  await until('the signed revision', ({ revision }) => revision === 1);
  repository.commit({ 'web.yaml': service('web', 5) });
  await push();
  const refused = await until('the refusal', ({ lastError }) => lastError !== null);
  expect([refused.lastError, ...refused.problems].join('\n')).toMatch(/is not signed/);
  expect(refused.origin).toMatchObject({ commit: good });
  expect(await inForce()).toEqual(['web 1']);
});
