import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../../activities/runtimes/process/runtime';
import type { ServiceSpec } from '../../../domain/resource';
import { query } from '../../../storage/database';
import { startObserver, type Observer } from '../../../workers/observe/observer';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { createGitRound, type GitRound } from '../../support/git-round';
import { waitFor } from '../../support/wait';

let database: TestDatabase;
let api: TestApi;
let git: GitRound;
let folder: string;
let runtime: ProcessRuntime;
let observer: Observer;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  git = createGitRound(database.pool);
  folder = mkdtempSync(join(tmpdir(), 'vigil-rollback-'));
  runtime = createProcessRuntime({ home: folder, now: Date.now, stopTimeoutMs: 2000 });
});
afterAll(async () => {
  await observer.stop();
  await runtime.stop({ resource: 'default/web', spec: await spec() });
  git.remove();
  await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

const web = (version: string): Record<string, string> => ({
  'web.yaml': `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime:
    command: [${process.execPath}, -e, "setInterval(() => {}, 1000)"]
    cwd: ${folder}
    env: { VERSION: "${version}" }
  sync: { mode: heal }
`,
});

async function spec(): Promise<ServiceSpec> {
  const sql = `select spec from resources where resource = 'default/web'`;
  const [row] = await query<{ spec: ServiceSpec }>(database.pool, sql);
  if (row === undefined) throw new Error('no resource default/web');
  return row.spec;
}

async function ask(path: string, payload?: object): Promise<void> {
  const url = `/api/v1/sources/git:fleet/${path}`;
  const answer = await api.app.inject({ method: 'POST', url, ...(payload && { payload }) });
  expect(answer.statusCode).toBe(200);
}

/** What differs now, as `GET /api/v1/drift` says it. */
async function drift(): Promise<[string, unknown, unknown][]> {
  const answer = await api.app.inject('/api/v1/drift?resource=default/web&resolved=false');
  return answer
    .json<{ items: { pointer: string; desired: unknown; observed: unknown }[] }>()
    .items.map(({ pointer, desired, observed }) => [pointer, desired, observed]);
}

const waitDrift = (expected: [string, unknown, unknown][]) =>
  waitFor(`drift ${JSON.stringify(expected)}`, async () => {
    return JSON.stringify(await drift()) === JSON.stringify(expected);
  });

/** Looks at the resource until one of them began after this call. */
async function observed(): Promise<void> {
  const from = Date.now();
  await waitFor('a look at web', async () => {
    const sql = 'select 1 from states where observed_at > to_timestamp($1 / 1000.0)';
    return (await query(database.pool, sql, [from])).length > 0;
  });
}

test('what is observed is compared with the pinned revision, not with what git says', async () => {
  const { status } = await git.push(web('1'));
  observer = startObserver({
    ...{ pool: database.pool, runtimes: new Map([['process', runtime]]), host: null },
    ...{ logger: pino({ level: 'silent' }), now: Date.now, intervalMs: 50 },
  });
  await waitFor('web runs', async () => {
    return (await runtime.inspect({ resource: 'default/web', spec: await spec() })).identity;
  });
  await observed();
  expect(await drift()).toEqual([]);

  await git.push(web('2'));
  await waitDrift([['/env/VERSION', '2', '1']]);

  await ask('rollback', { revision: status.revision, reason: '2 is slow' });
  await waitDrift([]);
  await git.look();
  await observed();
  // Nothing that would be repaired towards version 2.
  expect(await drift()).toEqual([]);

  await ask('release');
  await git.look();
  await waitDrift([['/env/VERSION', '2', '1']]);
}, 60_000);
