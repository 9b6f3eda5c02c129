import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { applyRevision } from '../../storage/manifests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');

let database: TestDatabase;
let folder: string;
let child: ChildProcess | null;
let lines: Record<string, unknown>[];
let errors: string;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'vigil-gitops-main-'));
  child = null;
  lines = [];
  errors = '';
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** Resolves with the exit code. */
function run(env: NodeJS.ProcessEnv): Promise<number | null> {
  const hook = join(ROOT, 'test/support/typescript-hook.cjs');
  const started = spawn(process.execPath, ['-r', hook, join(ROOT, 'gitops/main.ts')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      VIGIL_DATABASE_URL: database.url,
      VIGIL_GITOPS_PORT: '0',
      VIGIL_GITOPS_FOLDERS: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child = started;
  createInterface({ input: started.stdout ?? process.stdin }).on('line', (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  started.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => started.on('exit', resolve));
}

const said = (message: string) => lines.find(({ msg }) => msg === message);

it('serves health, status and metrics, and ends cleanly on SIGTERM', async () => {
  writeFileSync(
    join(folder, 'web.yaml'),
    'apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: web }\nspec: { runtime: { type: process, command: [node] } }\n',
  );
  const exit = run({});
  const ready = await waitFor('ready', () => said('ready'), 30_000);
  await waitFor('a revision', () => said('manifests applied'));
  const get = async (page: string) => {
    const response = await fetch(`http://127.0.0.1:${ready['port'] as number}${page}`);
    return { status: response.status, text: await response.text() };
  };
  const status = await waitFor('status', async () => {
    const { items } = JSON.parse((await get('/status')).text) as { items: { revision: number }[] };
    return items[0]?.revision === 1 && items;
  });
  expect(status).toEqual([
    {
      source: `folder:${folder}`,
      revision: 1,
      ageSeconds: expect.any(Number) as number,
      lastError: null,
      problems: [],
      objects: 1,
      origin: null,
      held: null,
      pinned: null,
    },
  ]);
  expect(JSON.parse((await get('/health')).text)).toMatchObject({ status: 'ok' });
  expect((await get('/metrics')).text).toContain(
    `vigil_gitops_objects{source="folder:${folder}",process="gitops"} 1`,
  );
  child?.kill('SIGTERM');
  expect(await exit).toBe(0);
});

it('looks at its sources at once when a reload is asked for', async () => {
  writeFileSync(
    join(folder, 'web.yaml'),
    'apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: web }\nspec: { runtime: { type: process, command: [node] } }\n',
  );
  const exit = run({ VIGIL_GITOPS_INTERVAL: '1h' });
  await waitFor('a revision', () => said('manifests applied'), 30_000);
  // Only a look at the source brings back what the database lost.
  await database.pool.query('delete from manifests');
  await waitFor('it to be back', async () => {
    await database.pool.query(`select pg_notify('vigil_sync', '')`);
    return (await database.pool.query('select 1 from manifests')).rowCount === 1;
  });
  child?.kill('SIGTERM');
  expect(await exit).toBe(0);
});

it('compiles anew at its start what an older version had compiled, also what came over REST', async () => {
  await applyRevision(database.pool, {
    ...{ source: 'api', author: 'user:ann', correlationId: null, mode: 'upsert', deletions: [] },
    objects: [service('web')],
  });
  await database.pool.query(
    `update manifests set document = '{"apiVersion": "vigil.io/v1", "kind": "Service",
       "metadata": {"name": "web"}, "spec": {"runtime": {"type": "process", "command": ["node"]}}}'`,
  );
  const exit = run({});
  const told = await waitFor('it to be told', () => said('manifests compiled anew'), 30_000);
  expect(told).toMatchObject({ source: 'api', revision: 2, objects: 1 });
  const { rows } = await database.pool.query(
    `select spec #>> '{runtime,command,0}' as c from resources`,
  );
  expect(rows).toEqual([{ c: 'node' }]);
  child?.kill('SIGTERM');
  expect(await exit).toBe(0);
});

it('ends when its parent goes', async () => {
  const exit = run({});
  await waitFor('ready', () => said('ready'), 30_000);
  child?.disconnect();
  expect(await exit).toBe(0);
});

it('says what is wrong with its configuration and exits with 1', async () => {
  expect(await run({ VIGIL_GITOPS_PORT: 'many' })).toBe(1);
  // What it has said may come after its end.
  await waitFor('its word', () => errors.includes('VIGIL_GITOPS_PORT'));
});
