import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { CATALOGUES } from '../../activities/catalogue';
import { createCompile } from '../../gitops/compile';
import { createFolderSource } from '../../gitops/sources/folder';
import type { Source } from '../../gitops/sources/source';
import type { SourceStatus } from '../../gitops/round';
import { startSync, type Sync, type SyncOptions } from '../../gitops/sync';
import { createPool, query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service as otherService } from '../support/manifest-objects';
import { unusedPort } from '../support/stack-ports';
import { waitFor } from '../support/wait';

interface Line {
  level: number;
  msg: string;
  problem?: string;
  changes?: string[];
}

let database: TestDatabase;
let folder: string;
let lines: Line[];
let syncs: Sync[];

beforeEach(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'vigil-gitops-'));
  lines = [];
  syncs = [];
});
afterEach(async () => {
  for (const sync of syncs) await sync.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function start(changes: Partial<SyncOptions> = {}): Sync {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  const settleMs = changes.settleMs ?? 30;
  const sync = startSync({
    pool: database.pool,
    source: createFolderSource({ folder, settleMs, now: Date.now }),
    compile: createCompile(CATALOGUES),
    logger: pino(sink),
    now: Date.now,
    intervalMs: 200,
    settleMs,
    pruneShare: 0.5,
    ...changes,
  });
  syncs.push(sync);
  return sync;
}

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

const service = (name: string, port = 80) => `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec:
  runtime: { type: process, command: [node, server.mjs], env: { PORT: "${port}" } }
`;

const BROKEN = `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: { type: process, comand: [node] }
`;

const rows = (sql: string) => query<Record<string, unknown>>(database.pool, sql);

async function inForce(): Promise<string[]> {
  const found = await rows(`select name || ' ' || (document #>> '{spec,runtime,env,PORT}') as text
                            from manifests order by 1`);
  return found.map(({ text }) => text as string);
}

const waitForce = (expected: string[]) =>
  waitFor(`${expected.join(', ')} in force`, async () => {
    return JSON.stringify(await inForce()) === JSON.stringify(expected);
  });

const waitStatus = (sync: Sync, is: (status: SourceStatus) => boolean) =>
  waitFor('the status', () => is(sync.status()) && sync.status());

const refusals = () => lines.filter(({ msg }) => msg === 'manifest refused');

it('looks at once when it is asked to', async () => {
  const read = jest.fn(() => Promise.resolve({ kind: 'files' as const, files: [] }));
  const unwatched = {
    name: 'folder:asked',
    read,
    watch: () => ({ close: () => Promise.resolve() }),
  };
  const sync = start({ source: unwatched, intervalMs: 600_000 });
  await waitStatus(sync, ({ lastError, ageSeconds }) => lastError === null && ageSeconds !== null);
  expect(read).toHaveBeenCalledTimes(1);
  sync.lookNow();
  await waitFor('another look', () => read.mock.calls.length === 2);
});

it('applies what is there at its start, then each change, and prunes what goes', async () => {
  write('web.yaml', service('web'));
  const sync = start({ intervalMs: 60_000 });
  await waitForce(['web 80']);
  await waitStatus(sync, ({ objects }) => objects === 1);
  // The watch begins after the first look; a change in between is the poll's to find.
  let port = 80;
  let writtenAt = 0;
  await waitFor('a change to be seen', async () => {
    if (Date.now() - writtenAt > 500) {
      write('web.yaml', service('web', ++port));
      writtenAt = Date.now();
    }
    return (await inForce())[0] !== 'web 80';
  });
  write('web.yaml', service('web', 99));
  write('api.yaml', service('api'));
  await waitForce(['api 80', 'web 99']);
  rmSync(join(folder, 'web.yaml'));
  await waitForce(['api 80']);
  expect(lines.some(({ changes }) => changes?.includes('deleted Service default/web'))).toBe(true);
});

it('a broken file keeps the last good revision, is said once at file:line:col, and audited once', async () => {
  write('web.yaml', service('web'));
  const sync = start();
  await waitForce(['web 80']);
  write('api.yaml', service('api'));
  write('web.yaml', BROKEN);
  const status = await waitStatus(sync, ({ problems }) => problems.length > 0);
  const place = `${join(folder, 'web.yaml')}:6:`;
  expect(status).toMatchObject({ lastError: 'manifest refused', objects: 1, revision: 1 });
  expect(status.problems.every((problem) => problem.startsWith(place))).toBe(true);
  expect(status.problems.join('\n')).toContain('command');
  // A later look says nothing new.
  const { ageSeconds } = status;
  await waitStatus(sync, (later) => (later.ageSeconds ?? 0) > (ageSeconds ?? 0));
  expect(refusals().map(({ problem }) => problem)).toEqual(status.problems);
  expect(refusals()[0]?.level).toBe(50);
  expect(
    await rows(
      `select details->'problems' as problems from audit_events where event = 'manifest_refused'`,
    ),
  ).toEqual([{ problems: status.problems }]);
  expect(await inForce()).toEqual(['web 80']);
  write('web.yaml', service('web', 81));
  await waitForce(['api 80', 'web 81']);
  expect(await waitStatus(sync, ({ lastError }) => lastError === null)).toMatchObject({
    problems: [],
    objects: 2,
  });
});

it('a restart says again what is wrong and audits it no second time', async () => {
  write('web.yaml', BROKEN);
  const first = start();
  await waitStatus(first, ({ lastError }) => lastError !== null);
  await first.stop();
  const said = refusals().length;
  const second = start();
  await waitStatus(second, ({ lastError }) => lastError !== null);
  expect(refusals().length).toBe(said * 2);
  expect(await rows(`select 1 from audit_events where event = 'manifest_refused'`)).toHaveLength(1);
});

it('takes no file that is being written, even if what lies there would be valid', async () => {
  let looks = 0;
  let aheadMs = 120_000;
  const inner = createFolderSource({ folder, settleMs: 60_000, now: () => Date.now() + aheadMs });
  const source: Source = { ...inner, read: () => inner.read().finally(() => looks++) };
  const lookedAt = (count: number) => {
    const enough = looks + count;
    return waitFor('looks', () => looks >= enough);
  };
  write('web.yaml', service('web'));
  start({ source, intervalMs: 50 });
  await waitForce(['web 80']);
  aheadMs = 0;
  write('web.yaml', service('web', 1000));
  await lookedAt(3);
  write('web.yaml', service('web', 2000));
  await lookedAt(3);
  aheadMs = 120_000;
  await waitForce(['web 2000']);
  const versions = await rows(
    `select document #>> '{spec,runtime,env,PORT}' as port from manifest_versions order by revision`,
  );
  expect(versions.map(({ port }) => port)).toEqual(['80', '2000']);
});

it('refuses an object that two files describe, naming both places', async () => {
  write('a.yaml', service('web'));
  write('b.yaml', service('web', 81));
  const sync = start();
  const { problems } = await waitStatus(sync, (status) => status.problems.length > 0);
  const [a, b] = ['a.yaml', 'b.yaml'].map((name) => join(folder, name));
  expect(problems).toEqual([
    expect.stringMatching(
      new RegExp(`^${b}:\\d+:1: Service default/web is already described at ${a}:\\d+$`),
    ),
  ]);
  expect(await inForce()).toEqual([]);
});

it('comes into force by itself once another source lets go of its object', async () => {
  const other = {
    source: 'api',
    author: 'user:a',
    correlationId: null,
    mode: 'replaceSource' as const,
  };
  await applyRevision(database.pool, { ...other, objects: [otherService('web')], deletions: [] });
  write('web.yaml', service('web'));
  const sync = start();
  const { problems } = await waitStatus(sync, (status) => status.problems.length > 0);
  expect(problems[0]).toContain('Service default/web belongs to source api (web.yaml:1)');
  await applyRevision(database.pool, { ...other, objects: [], deletions: [] });
  await waitForce(['web 80']);
});

it('a folder that does not exist is said once and watched for; one that goes prunes nothing', async () => {
  const parked = `${folder}-parked`;
  write('web.yaml', service('web'));
  renameSync(folder, parked);
  const sync = start();
  await waitStatus(sync, ({ lastError }) => lastError !== null);
  renameSync(parked, folder);
  await waitForce(['web 80']);
  // The round that applied it is over: what is said from here on is about the next absence.
  await waitStatus(sync, ({ lastError }) => lastError === null);
  write('broken.yaml', 'kind: Nothing');
  await waitStatus(sync, ({ problems }) => problems.length > 0);
  renameSync(folder, parked);
  // What was wrong with what was there is not said of what is not there.
  await waitStatus(sync, ({ lastError }) => lastError?.startsWith('folder does not') === true);
  await waitStatus(sync, ({ problems }) => problems.length === 0);
  expect(await inForce()).toEqual(['web 80']);
  mkdirSync(folder);
  await waitForce([]);
  rmSync(parked, { recursive: true });
  const said = lines.filter(({ msg }) => msg.startsWith('folder does not exist'));
  expect(said).toHaveLength(2);
});

it('starts while PostgreSQL is away, says so once, and applies when it is there', async () => {
  write('web.yaml', service('web'));
  const url = new URL(database.url);
  const port = await unusedPort();
  const pool = createPool({
    url: database.url.replace(url.host, `127.0.0.1:${port}`),
    poolSize: 2,
    name: 'test',
  });
  const sync = start({ pool });
  const failures = () => lines.filter(({ level }) => level >= 40).map(({ msg }) => msg);
  let looks = 0;
  await waitFor('several tries', () => failures().length > 0 && ++looks > 30);
  const proxy = createServer((socket) => {
    const upstream = connect(Number(url.port), url.hostname);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  try {
    await waitForce(['web 80']);
    await waitStatus(sync, ({ lastError }) => lastError === null);
    expect(failures()).toEqual(['PostgreSQL is away, trying again']);
  } finally {
    await sync.stop();
    await pool.end();
    await new Promise((resolve) => proxy.close(resolve));
  }
});
