import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { CATALOGUES } from '../../activities/catalogue';
import { recompile, startRecompile } from '../../gitops/recompile';
import { parseManifests } from '../../language/manifest/compile';
import { createPool, query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { createGitRound, type GitRound } from '../support/git-round';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let git: GitRound | null;
let lines: Record<string, unknown>[];
beforeEach(async () => {
  database = await createTestDatabase();
  git = null;
  lines = [];
});
afterEach(async () => {
  git?.remove();
  await database.drop();
});

const sink = new Writable({
  write(chunk: Buffer, _encoding, done) {
    lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
    done();
  },
});

const start = () => recompile({ pool: database.pool, catalogue: CATALOGUES, logger: pino(sink) });
const rows = (sql: string) => query<Record<string, unknown>>(database.pool, sql);

async function applyText(text: string, source = 'api'): Promise<void> {
  const { objects, problems } = parseManifests(text, { file: source, catalogue: CATALOGUES });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  await applyRevision(database.pool, {
    ...{ source, objects, deletions: [], author: 'user:ann', correlationId: null },
    mode: 'upsert',
  });
}

/** What the process runs by. */
const inForce = async () =>
  JSON.stringify(
    [
      await rows('select resource, host, labels, spec from resources where deleted_at is null'),
      await rows('select policy, document, implied_by from policies where deleted_at is null'),
      await rows('select kind, key, document from definitions'),
    ].map((all) => all.map((row) => JSON.stringify(row)).sort()),
  );

const revisions = () =>
  rows('select revision, source, author, commit_id, message, reason from revisions order by 1');

const WEB = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: { type: process, command: [node, server.mjs] }
  healthCheck: { endpoint: 'http://127.0.0.1:8080/health', threshold: 3 }
  remediation: { cooldownPeriod: 5m }
  sync: { mode: heal, approval: { required: 1, of: [ann] } }
`;

/** As if an older version had compiled it otherwise. */
const AGE = [
  `update policies set document = jsonb_set(document, '{severity}', '"info"') where policy = 'default/web:health'`,
  `update resources set spec = spec - 'config' where resource = 'default/web'`,
];

async function age(...statements: string[]): Promise<void> {
  for (const statement of statements) {
    expect((await database.pool.query(statement)).rowCount).toBe(1);
  }
}

it('leaves alone what is compiled as before, of every kind and from wherever it came', async () => {
  const fleet = readFileSync(join(__dirname, '../../examples/fleet/fleet.yaml'), 'utf8');
  await applyText(fleet, 'folder:fleet');
  const namespaced = WEB.replace(
    'name: web',
    'name: web, namespace: shop, labels: { a: 1, b: yes }',
  );
  await applyText(namespaced.replace(/sync:.*\n/, 'hosts: [a, b]\n'));
  await applyText(
    'policies: [{ name: slow, condition: latency > 1.50, severity: warning, action: restart }]',
  );
  const before = [await inForce(), await revisions()];
  await start();
  expect([await inForce(), await revisions()]).toEqual(before);
  expect(lines).toEqual([]);
});

it('applies anew what is compiled otherwise by now, as the commit that is in force', async () => {
  git = createGitRound(database.pool);
  const { commit } = await git.push({
    'web.yaml': WEB,
    'api.yaml': WEB.replace('name: web', 'name: api'),
  });
  const before = await inForce();
  await age(...AGE);
  await database.pool.query('truncate outbox');
  expect(await inForce()).not.toBe(before);
  await git.look();
  expect(await inForce()).not.toBe(before);

  await start();
  expect(await inForce()).toBe(before);
  const [first, second, ...more] = await revisions();
  expect(more).toEqual([]);
  expect(first).toMatchObject({ reason: null });
  const same = {
    source: 'git:fleet',
    author: 'Bob <bob@example.com>',
    commit_id: commit,
    message: 'change',
  };
  expect(second).toMatchObject({ ...same, reason: 'compiled anew' });
  const audit = await rows(
    `select actor, door, resource, details from audit_events order by id desc`,
  );
  expect(audit[0]).toMatchObject({
    ...{ actor: 'vigil', door: 'gitops', resource: 'default/web' },
    details: { change: 'updated', source: 'git:fleet', revision: 2, why: 'compiled anew' },
  });
  expect(audit).toHaveLength(3);
  expect(await rows('select workflow_id, kind from outbox')).toEqual([
    { workflow_id: 'resource/default/web', kind: 'desiredChanged' },
  ]);
  expect(lines).toMatchObject([
    { msg: 'manifests compiled anew', source: 'git:fleet', revision: 2, objects: 1 },
  ]);

  await start();
  expect((await git.look()).lastError).toBeNull();
  expect(await revisions()).toHaveLength(2);
});

it('takes away what a Service no longer implies, and brings what it now does', async () => {
  await applyText(WEB);
  const before = await inForce();
  await age(
    `update policies set policy = policy || '-old', name = name || '-old',
       document = document || '{"key": "default/web:health-old"}' where policy = 'default/web:health'`,
  );
  await start();
  expect(await inForce()).toBe(before);
});

it('leaves alone a yes to what is as it was', async () => {
  await applyText(WEB);
  await age(AGE[1] ?? '');
  await start();
  expect(await rows('select policy, revision from policies order by 1')).toEqual([
    { policy: 'default/web:health', revision: 1 },
    { policy: 'default/web:sync', revision: 1 },
  ]);
  expect(await revisions()).toHaveLength(2);
});

it('leaves as it is what is refused by now, and says so', async () => {
  await applyText(WEB);
  await applyText(WEB.replace('name: web', 'name: api'));
  await age(...AGE, `update manifests set document = document - 'spec' where name = 'api'`);
  await start();
  expect(lines).toMatchObject(
    [
      { msg: 'manifest refused by now, stays as it is', source: 'api', problems: [/^api:1:/] },
      { msg: 'manifests compiled anew', source: 'api', objects: 1 },
    ].map((line) => ({
      ...line,
      ...(line.problems && { problems: [expect.stringMatching(/^api:1:1: /)] }),
    })),
  );
});

it('keeps a pin, and a revision that is held', async () => {
  git = createGitRound(database.pool);
  await git.push({ 'web.yaml': WEB, 'a.yaml': WEB.replace('name: web', 'name: a') });
  await git.push({
    'web.yaml': null,
    'a.yaml': null,
    'b.yaml': WEB.replace('name: web', 'name: b'),
  });
  expect((await git.look()).held).toEqual({ count: 2, of: 2 });
  const before = await inForce();
  await age(...AGE);
  await start();
  expect(await inForce()).toBe(before);
  expect((await git.look()).held).toEqual({ count: 2, of: 2 });
  await database.pool.query(
    `update sources set pinned_revision = 1, pinned_against = seen_checksum, pinned_by = 'user:ann',
       pinned_reason = 'two is slow', pinned_at = now()`,
  );
  await age(...AGE);
  await start();
  expect(await inForce()).toBe(before);
  expect((await git.look()).pinned).toMatchObject({ revision: 1, by: 'user:ann' });
});

it('tries again until the database is there', async () => {
  await applyText(WEB);
  const before = await inForce();
  await age(...AGE);
  let pool = createPool({ url: 'postgres://127.0.0.1:1/none', poolSize: 1, name: 'away' });
  const away = pool;
  const switching = new Proxy(pool, {
    get: (_, key) => Reflect.get(pool, key, pool) as unknown,
  });
  const running = startRecompile({ pool: switching, catalogue: CATALOGUES, logger: pino(sink) });
  try {
    await waitFor('a failure', () => lines.length > 0);
    expect(lines).toMatchObject([{ msg: 'cannot compile anew, trying again' }]);
    pool = database.pool;
    await waitFor('it to be compiled', async () => (await inForce()) === before);
  } finally {
    await running.stop();
    await away.end();
  }
});
