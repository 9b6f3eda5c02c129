import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createDockerRuntime } from '../../activities/runtimes/docker/runtime';
import { DOCKER_SCHEMA } from '../../activities/runtimes/docker/spec';
import { createExternalRuntime } from '../../activities/runtimes/external/runtime';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../activities/runtimes/process/runtime';
import type { Runtime } from '../../domain/action/runtime';
import type { ServiceSpec } from '../../domain/resource';
import { createRestClient, type RestRequest } from '../../platform/rest-client';
import { query } from '../../storage/database';
import { applyRevision, type ManifestObject } from '../../storage/manifests';
import { startReporter, type Reporter, type ReporterOptions } from '../../workers/report';
import { createTestApi, type TestApi } from '../support/api';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';
import { describeWithDocker, dockerAt, dockerHost } from '../support/docker-engine';
import { createSilentServer } from '../support/silent-server';
import { unusedPort } from '../support/stack-ports';
import { waitFor } from '../support/wait';

const ROOT = join(__dirname, '../..');
const SLEEPER = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
const UNANSWERED = 'looks get no answer; other runtimes are looked at meanwhile';

let database: TestDatabase;
let folder: string;
let runtime: ProcessRuntime;
let api: TestApi;
let reporter: Reporter | null;
let lines: { msg: string; level: number; reason?: string; runtime?: string }[];
let sent: RestRequest[];
/** Ms that everybody's clock is ahead. */
let ahead: number;
const now = () => Date.now() + ahead;

beforeEach(async () => {
  [reporter, lines, sent, ahead] = [null, [], [], 0];
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'vigil-reporter-'));
  runtime = createProcessRuntime({ home: folder, now: Date.now, stopTimeoutMs: 2000 });
  api = await serve(0);
});
afterEach(async () => {
  await reporter?.stop();
  for (const one of await targets()) await runtime.stop(one);
  await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

async function serve(port: number, config: Partial<TestApi['deps']['config']> = {}) {
  const made = await createTestApi({ pool: database.pool, config, deps: { now } });
  await made.app.listen({ host: '127.0.0.1', port });
  return made;
}

const portOf = ({ app }: TestApi) => (app.server.address() as AddressInfo).port;

const targets = () =>
  query<{ resource: string; spec: ServiceSpec }>(
    database.pool,
    `select resource, spec from resources where spec -> 'runtime' ->> 'type' = 'process'`,
  );

function sleeper(name: string, env: Record<string, string> = {}): ManifestObject {
  const command = SLEEPER;
  return service(name, {
    hosts: ['a'],
    runtime: { type: 'process', command, env, cwd: folder, stopWithVigil: false },
  });
}

async function apply(...objects: ManifestObject[]): Promise<void> {
  const request = { source: 's', author: 'vigil', correlationId: null, deletions: [] };
  await applyRevision(database.pool, { ...request, mode: 'replaceSource', objects });
}

async function ensureRunning(): Promise<void> {
  for (const one of await targets()) await runtime.ensureRunning(one);
}

function report(
  changes: Partial<ReporterOptions> = {},
  { tokenFile, port = portOf(api) }: { tokenFile?: string; port?: number } = {},
): Reporter {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as { msg: string; level: number });
      done();
    },
  });
  const headers = { 'x-vigil-actor': 'worker@a' };
  const send = createRestClient({
    ...{ apiUrl: `http://127.0.0.1:${port}`, headers, tokenFile, now },
  });
  reporter = startReporter({
    send(request) {
      sent.push(request);
      return send(request);
    },
    host: 'a',
    runtimes: new Map<string, Runtime>([
      ['process', runtime],
      ['external', createExternalRuntime({ now: Date.now })],
    ]),
    ...{ logger: pino(sink), now, intervalMs: 50 },
    ...changes,
  });
  return reporter;
}

interface State {
  isRunning: boolean;
  observer: string;
  pointers: string[];
}

async function state(name = 'web@a'): Promise<State | null> {
  const [row] = await query<State & Record<string, unknown>>(
    database.pool,
    `select (observed ->> 'isRunning')::boolean as "isRunning", observer,
       jsonb_path_query_array(changes, '$[*].pointer') as pointers from states where resource = $1`,
    [`default/${name}`],
  );
  return row ?? null;
}

const puts = () => sent.filter(({ method }) => method === 'PUT').length;

it('what runs on a host is observed there, and its drift begins and ends with it', async () => {
  await apply(sleeper('web'), sleeper('other'), service('db'));
  await ensureRunning();
  report();
  const seen = await waitFor('both states', async () => (await state('other@a')) && state());
  expect(seen).toEqual({ isRunning: true, observer: 'user:worker@a', pointers: [] });

  const [web] = (await targets()).filter(({ resource }) => resource === 'default/web@a');
  if (web === undefined) throw new Error('no web');
  await runtime.stop(web);
  await waitFor('its drift', async () => (await state())?.pointers.includes('/running'));
  await runtime.ensureRunning(web);
  await waitFor('its end', async () => (await state())?.pointers.length === 0);
  const drift = await query<{ resource: string; isOver: boolean }>(
    database.pool,
    `select resource, resolved_at is not null as "isOver" from drift_events`,
  );
  expect(drift).toEqual([{ resource: 'default/web@a', isOver: true }]);
  expect(await state('db')).toBeNull();
});

it('a new revision is compared with what runs', async () => {
  await apply(sleeper('web'));
  await ensureRunning();
  report();
  await waitFor('the first state', () => state());
  await apply(sleeper('web', { GREETING: 'hello' }));
  await waitFor('the difference', async () => (await state())?.pointers.includes('/env/GREETING'));
});

it('a revision that comes between looking and telling is read before it is told again', async () => {
  await apply(sleeper('web'));
  await ensureRunning();
  const real = createRestClient({
    apiUrl: `http://127.0.0.1:${portOf(api)}`,
    headers: {},
    now,
  });
  const statuses: number[] = [];
  report({
    // Only a ring of its own bell makes it look again.
    intervalMs: 3_600_000,
    async send(request) {
      if (request.method === 'PUT' && statuses.length === 0)
        await apply(sleeper('web', { GREETING: 'hello' }));
      const answer = await real(request);
      if (request.method === 'PUT') statuses.push(answer.status);
      return answer;
    },
  });
  await waitFor('the difference', async () => (await state())?.pointers.includes('/env/GREETING'));
  await waitFor('both answers', () => statuses.length === 2);
  expect(statuses).toEqual([409, 200]);
});

it('what is calm and did not change is told again only after a while', async () => {
  await apply(sleeper('web'));
  await ensureRunning();
  report({ intervalMs: 20 });
  await waitFor('the first state', () => state());
  ahead += 61_000;
  const then = now();
  const seenAt = ({ body }: RestRequest) =>
    (body as { observedAt?: number } | undefined)?.observedAt ?? 0;
  await waitFor('the repetition', () => sent.some((request) => seenAt(request) >= then));
  const before = { puts: puts(), all: sent.length };
  await waitFor('twenty more looks', () => sent.length >= before.all + 20);
  expect(puts()).toBe(before.puts);
});

it('while the API is away that is said once, and reports go on when it is back', async () => {
  await apply(sleeper('web'));
  await ensureRunning();
  await api.close();
  const port = await unusedPort();
  report({}, { port });
  await waitFor('some tries', () => sent.length > 3);
  expect(lines.map(({ msg }) => msg)).toEqual(['the API takes no reports, trying again']);
  api = await serve(port);
  await waitFor('the state', () => state());
  await waitFor('the word of it', () => lines.length > 1);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'the API takes no reports, trying again',
    'the API takes reports again',
  ]);
});

it('an API that is older is told what it knows, which is said once', async () => {
  await apply(sleeper('web', { A: '2' }));
  await ensureRunning();
  const newer: Runtime = {
    ...runtime,
    async observe(target) {
      const check = { command: ['x'], interval: 1, timeout: 1, retries: 1, startPeriod: 1 };
      const more = { moons: ['io'], rings: 2, healthCheck: { ...check, colour: 'red' } };
      return { ...(await runtime.observe(target)), ...more };
    },
  };
  report({ runtimes: new Map([['process', newer]]) });
  await waitFor('more reports', () => puts() > 3);
  expect(await state()).toMatchObject({ isRunning: true, pointers: [] });
  expect(lines).toMatchObject([
    {
      msg: 'the API is older than this worker, left out of reports',
      fields: ['healthCheck', 'moons', 'rings'],
    },
  ]);
});

it('a report that is refused for anything else, too, is not sent again', async () => {
  await apply(sleeper('web'));
  await ensureRunning();
  const wrong: Runtime = {
    ...runtime,
    async observe(target) {
      return { ...(await runtime.observe(target)), ...{ moons: ['io'], replicas: -1 } };
    },
  };
  report({ runtimes: new Map([['process', wrong]]) });
  await waitFor('the refusal', () => lines.length > 0);
  expect(lines.map(({ msg }) => msg)).toEqual(['resource cannot be observed or reported']);
  expect(sent.find(({ method }) => method === 'PUT')?.body).toHaveProperty('moons');
  expect(await state()).toBeNull();
});

it('the token is read anew for each request', async () => {
  await apply(sleeper('web'));
  const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')];
  writeFileSync(right, 'secret-of-the-api');
  writeFileSync(wrong, 'another');
  const guarded = await serve(0, { tokenFile: right });
  report({}, { tokenFile: wrong, port: portOf(guarded) });
  await waitFor('the refusal', () => lines.length > 0);
  expect(lines[0]?.reason).toContain('it answered 401');
  writeFileSync(wrong, 'secret-of-the-api\n');
  await waitFor('the state', () => state());
  await reporter?.stop();
  await guarded.close();
});

it('what its runtime cannot look at is left to others, and a failing look to the log, once', async () => {
  await apply(
    service('told', { hosts: ['a'], runtime: { type: 'external' } }),
    service('unit', {
      hosts: ['a'],
      runtime: { type: 'systemd', unit: 'a.service', scope: 'user' },
    }),
    sleeper('web'),
  );
  report();
  await waitFor('the state of the others', () => state());
  await waitFor('more looks', () => sent.length > 6);
  expect(await state('told@a')).toBeNull();
  expect(lines.map(({ msg }) => msg)).toEqual(['resource cannot be observed or reported']);
});

it('a runtime whose looks get no answer is told once, and what others have is reported', async () => {
  const silent = await createSilentServer(join(folder, 'docker.sock'));
  const docker = createDockerRuntime({ home: folder, now, socket: silent.socket });
  const spec = DOCKER_SCHEMA.parse({ type: 'docker', image: 'web:1' });
  const containers = ['a', 'b', 'c'].map((name) => service(name, { hosts: ['a'], runtime: spec }));
  await apply(...containers, sleeper('web'));
  await ensureRunning();
  report({
    ...{ concurrency: 2, lateMs: 200 },
    runtimes: new Map<string, Runtime>([
      ['docker', docker],
      ['process', runtime],
    ]),
  });
  await waitFor('the state', state);
  // On a busy machine a look at a process may take as long.
  const unanswered = () =>
    lines.filter(({ msg, runtime: of }) => msg === UNANSWERED && of === 'docker');
  await waitFor('the word of it', () => unanswered().length > 0);
  const [web] = await targets();
  if (web === undefined) throw new Error('no web');
  const from = Date.now();
  await runtime.stop(web);
  await waitFor('the drift', async () => (await state())?.pointers.includes('/running'));
  expect(Date.now() - from).toBeLessThan(30_000);
  expect(unanswered()).toHaveLength(1);
  await waitFor('all that it asks', () => silent.taken() === 3);
  await reporter?.stop();
  await silent.close();
});

it('the worker of a host reports before it can reach Temporal', async () => {
  await apply(sleeper('web'));
  const child: ChildProcess = spawn(
    process.execPath,
    ['-r', join(ROOT, 'test/support/typescript-hook.cjs'), join(ROOT, 'workers/main.ts')],
    {
      cwd: folder,
      stdio: 'ignore',
      env: {
        ...{ PATH: process.env['PATH'], VIGIL_HOME: join(folder, 'home') },
        ...{ VIGIL_WORKER_HOST_NAME: 'a', VIGIL_WORKER_PORT: '0', LOG_LEVEL: 'error' },
        VIGIL_WORKER_API_URL: `http://127.0.0.1:${portOf(api)}`,
        // Nothing listens there.
        ...{ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TEMPORAL_ADDRESS: '127.0.0.1:1' },
      },
    },
  );
  try {
    const seen = await waitFor('the state', () => state(), 60_000);
    expect(seen).toMatchObject({ isRunning: false, observer: 'user:worker@a' });
  } finally {
    child.kill('SIGKILL');
  }
}, 90_000);

describeWithDocker('with containers', () => {
  it('what the engine tells of a difference is reported with it, and stands when the worker starts anew', async () => {
    const docker = createDockerRuntime({ home: folder, now: Date.now, socket: dockerHost() });
    const spec = DOCKER_SCHEMA.parse({
      ...{ type: 'docker', image: 'vigil-test:1', network: 'none', stopTimeout: '2s' },
      command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'],
    });
    await apply(service('box', { hosts: ['a'], runtime: spec }));
    const [box] = await query<{ resource: string; spec: ServiceSpec }>(
      database.pool,
      'select resource, spec from resources',
    );
    if (box === undefined) throw new Error('no box');
    await docker.ensureRunning(box);
    const engine = dockerAt(dockerHost());
    const own = { all: true, filters: { label: [`vigil.owner=${folder}`] } };
    const [made] = await engine.listContainers(own);
    const container = engine.getContainer(made?.Id ?? '');
    const runtimes = new Map([['docker', docker]]);
    const told = async () =>
      query(
        database.pool,
        `select pointer, attribution - 'at' as by from drift_events where resolved_at is null`,
      );
    try {
      report({ runtimes, intervalMs: 500 });
      await waitFor('the first state', () => state('box@a'));
      await container.stop({ t: 1 });
      const what = expect.stringMatching(/^container vigil-\S+ (exited with|was s)/) as string;
      const drift = [{ pointer: '/running', by: { from: 'event', by: null, what } }];
      await waitFor('its drift', async () => (await told()).length === 1);
      expect(await told()).toEqual(drift);
      await reporter?.stop();
      const before = await told();
      const puttings = puts();
      report({ runtimes, intervalMs: 500 });
      await waitFor('a report of the next one', () => puts() > puttings + 1);
      expect(await told()).toEqual(before);
    } finally {
      await container.remove({ force: true, v: true });
    }
  });
});
