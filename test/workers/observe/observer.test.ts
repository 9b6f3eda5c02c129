import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createDockerRuntime } from '../../../activities/runtimes/docker/runtime';
import { DOCKER_SCHEMA } from '../../../activities/runtimes/docker/spec';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../../activities/runtimes/process/runtime';
import { settleTarget, withAttribution } from '../../../activities/settled-target';
import type { ServiceSpec } from '../../../domain/resource';
import type { Runtime } from '../../../domain/action/runtime';
import { query } from '../../../storage/database';
import { applyRevision, type ManifestObject } from '../../../storage/manifests';
import {
  startObserver,
  type Observer,
  type ObserverOptions,
} from '../../../workers/observe/observer';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';
import { createSilentServer } from '../../support/silent-server';
import { waitFor } from '../../support/wait';

const SLEEPER = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
const UNANSWERED = 'looks get no answer; other runtimes are looked at meanwhile';

let database: TestDatabase;
let folder: string;
let runtime: ProcessRuntime;
let observer: Observer | null;
let lines: { msg: string; resource?: string; runtime?: string }[];

beforeEach(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'vigil-observer-'));
  runtime = createProcessRuntime({ home: folder, now: Date.now, stopTimeoutMs: 2000 });
  observer = null;
  lines = [];
});
afterEach(async () => {
  await observer?.stop();
  const rows = await query<{ resource: string; spec: ServiceSpec }>(
    database.pool,
    'select resource, spec from resources',
  );
  for (const row of rows) await runtime.stop(row);
  await database.drop();
  rmSync(folder, { recursive: true });
});

function start(changes: Partial<ObserverOptions> = {}): Observer {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as { msg: string });
      done();
    },
  });
  observer = startObserver({
    pool: database.pool,
    runtimes: new Map([['process', runtime]]),
    host: null,
    logger: pino(sink),
    now: Date.now,
    intervalMs: 50,
    ...changes,
  });
  return observer;
}

async function restartWith(changes: Partial<ObserverOptions> = {}): Promise<void> {
  await observer?.stop();
  start(changes);
}

function sleeper(name: string, changes: Partial<ServiceSpec> = {}, stopWithVigil = false) {
  const command = SLEEPER;
  const spec = { type: 'process' as const, command, env: {}, cwd: folder, stopWithVigil };
  return service(name, { runtime: spec, ...changes });
}

async function apply(...objects: ManifestObject[]): Promise<void> {
  await applyAs('vigil', ...objects);
}

async function applyAs(author: string, ...objects: ManifestObject[]): Promise<void> {
  const request = { source: 's', author, correlationId: null, deletions: [] };
  await applyRevision(database.pool, { ...request, mode: 'replaceSource', objects });
}

async function identityOf(name: string): Promise<string | null> {
  return (await runtime.inspect(await target(name))).identity;
}

async function target(name: string): Promise<{ resource: string; spec: ServiceSpec }> {
  const [row] = await query<{ resource: string; spec: ServiceSpec }>(
    database.pool,
    'select resource, spec from resources where resource = $1',
    [`default/${name}`],
  );
  if (row === undefined) throw new Error(`no resource ${name}`);
  return row;
}

const running = (name: string) => waitFor(`${name} runs`, () => identityOf(name));

/** Epoch ms of the newest look at a resource that came after this call. */
async function looked(name: string): Promise<void> {
  const from = Date.now();
  await waitFor(`a look at ${name}`, async () => {
    const rows = await query(
      database.pool,
      'select 1 from states where resource = $1 and observed_at > to_timestamp($2 / 1000.0)',
      [`default/${name}`, from],
    );
    return rows.length > 0;
  });
}

it('starts what is desired and not running at its own start, without calling that drift', async () => {
  await apply(sleeper('web'));
  start();
  await running('web');
  await looked('web');
  expect(await query(database.pool, 'select 1 from drift_events')).toEqual([]);
  expect(lines.map(({ msg }) => msg)).toEqual(['resource started']);
});

it('leaves what dies while it runs to the policies, and starts it when it starts anew', async () => {
  await apply(sleeper('web'));
  start();
  await running('web');
  await runtime.stop(await target('web'));
  await waitFor('drift', async () => {
    const rows = await query(
      database.pool,
      `select 1 from drift_events where pointer = '/running'`,
    );
    return rows.length > 0;
  });
  await looked('web');
  expect(await identityOf('web')).toBeNull();
  await restartWith();
  await running('web');
});

it('wakes at a new revision and starts what is new in it', async () => {
  await apply(sleeper('web'));
  start({ intervalMs: 60_000 });
  await running('web');
  await apply(sleeper('web'), sleeper('api'));
  await running('api');
});

it('leaves the workload of a pruned manifest alone', async () => {
  await apply(sleeper('web'));
  start();
  const identity = await running('web');
  await apply(sleeper('api'));
  await running('api');
  await looked('api');
  expect(await identityOf('web')).toBe(identity);
});

it('starts what was paused once the pause is over', async () => {
  await query(
    database.pool,
    `insert into pauses (scope, reason, actor) values ('*', 'r', 'user:a')`,
  );
  await apply(sleeper('web'));
  start();
  await looked('web');
  await looked('web');
  expect(await identityOf('web')).toBeNull();
  await query(database.pool, 'delete from pauses');
  await running('web');
});

it('remembers who changed the manifest when it starts anew: what is ignored by that stays so, for repair too', async () => {
  const drift = { ignore: [{ owner: 'ada' }], owners: [], severity: [] };
  const withFile = (content: string) =>
    sleeper('web', { drift, config: [{ kind: 'content', path: 'web.conf', content }] });
  await apply(withFile('first'));
  start();
  await running('web');
  await looked('web');
  await applyAs('ada', withFile('second'));
  const seen = async () => {
    const [row] = await query<{ seen: string[] }>(
      database.pool,
      `select array(select jsonb_object_keys(observed -> 'attribution') as one
         where observed -> 'attribution' -> '/config/web.conf' ->> 'by' = 'ada') as seen from states`,
    );
    return row?.seen ?? [];
  };
  await waitFor('the look at it', async () => (await seen()).includes('/config/web.conf'));
  await restartWith();
  await looked('web');
  await looked('web');
  expect(await query(database.pool, 'select changes from states')).toEqual([{ changes: [] }]);
  expect(await query(database.pool, 'select pointer from drift_events')).toEqual([]);
  const known = await withAttribution(database.pool, await target('web'));
  expect(await settleTarget(runtime, known)).toEqual([
    { pointer: '/config/web.conf', value: null, from: 'observed' },
  ]);
});

it('knows who changed what while nobody looked, also where several did', async () => {
  const withVariables = (env: Record<string, string>) =>
    sleeper('web', {
      runtime: { type: 'process', command: SLEEPER, env, cwd: folder, stopWithVigil: false },
    });
  await apply(withVariables({ A: '1', B: '1' }));
  start();
  await running('web');
  await looked('web');
  await observer?.stop();
  await applyAs('ada', withVariables({ A: '2', B: '1' }));
  await applyAs('eve', withVariables({ A: '2', B: '2' }));
  const found = () =>
    query<{ pointer: string; by: string }>(
      database.pool,
      `select pointer, attribution ->> 'by' as by from drift_events order by pointer`,
    );
  start();
  await waitFor('the drift', async () => (await found()).length > 0);
  await looked('web');
  expect(await found()).toEqual([
    { pointer: '/env/A', by: 'ada' },
    { pointer: '/env/B', by: 'eve' },
  ]);
});

it('skips resources of other hosts', async () => {
  await apply(sleeper('web', { hosts: ['elsewhere'] }), sleeper('api'));
  start();
  await running('api');
  await looked('api');
  expect(await identityOf('web@elsewhere')).toBeNull();
});

it('says once why a resource cannot be started, goes on looking at it and at the others', async () => {
  const missing = join(folder, 'no-such-program');
  await apply(
    sleeper('api'),
    service('web', {
      runtime: { type: 'process', command: [missing], env: {}, cwd: folder, stopWithVigil: false },
    }),
  );
  start();
  await running('api');
  await looked('web');
  await looked('web');
  const failures = lines.filter(({ resource }) => resource === 'default/web');
  expect(failures.map(({ msg }) => msg)).toEqual(['resource cannot be observed or started']);
});

it('on its way out stops only what says stopWithVigil, and only when told to', async () => {
  await apply(sleeper('demo', {}, true), sleeper('mine'));
  start({ stopRuntime: runtime.stop, isStoppingWithVigil: false });
  const demo = await running('demo');
  const mine = await running('mine');
  await looked('mine');
  await restartWith({ stopRuntime: runtime.stop, isStoppingWithVigil: true });
  expect(await identityOf('demo')).toBe(demo);
  await looked('demo');
  await observer?.stop();
  expect(await identityOf('demo')).toBeNull();
  expect(await identityOf('mine')).toBe(mine);
});

it('a runtime whose looks get no answer is told once, and holds up no other, nor the way out', async () => {
  const silent = await createSilentServer(join(folder, 'docker.sock'));
  const docker = createDockerRuntime({ home: folder, now: Date.now, socket: silent.socket });
  const containers = ['a', 'b', 'c', 'd'].map((name) =>
    service(name, { runtime: DOCKER_SCHEMA.parse({ type: 'docker', image: 'web:1' }) }),
  );
  await apply(...containers, sleeper('web'));
  start({
    ...{ concurrency: 2, lateMs: 200 },
    runtimes: new Map<string, Runtime>([
      ['docker', docker],
      ['process', runtime],
    ]),
  });
  await running('web');
  await waitFor('the word of it', () =>
    lines.some(({ msg, runtime: of }) => msg === UNANSWERED && of === 'docker'),
  );
  for (let look = 0; look < 3; look++) await looked('web');
  // Of the looks, and of the watch.
  await waitFor('all that it asks', () => silent.taken() === 3);
  const from = Date.now();
  await observer?.stop();
  // The engine's own deadline is far beyond it.
  expect(Date.now() - from).toBeLessThan(30_000);
  const unanswered = lines.filter(({ msg }) => msg === UNANSWERED);
  // On a busy machine a look at a process may take as long.
  expect(unanswered.filter((one) => one.runtime === 'docker')).toHaveLength(1);
  await silent.close();
});

it('starts hold few connections at once, and one runtime that hangs leaves the others theirs', async () => {
  let letGo: () => void = () => undefined;
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const hanging: Runtime = {
    ...runtime,
    inspect: () => Promise.resolve({ identity: null, takenAt: Date.now() }),
    ensureRunning: () => stuck.then(() => null),
  };
  const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
  const containers = names.map((name) =>
    service(`c${name}`, { runtime: DOCKER_SCHEMA.parse({ type: 'docker', image: 'web:1' }) }),
  );
  await apply(...containers, ...names.map((name) => sleeper(name)));
  start({
    runtimes: new Map<string, Runtime>([
      ['docker', hanging],
      ['process', runtime],
    ]),
  });
  await Promise.all(names.map(running));
  const locks = async (): Promise<number> => {
    const rows = await query(
      database.pool,
      `select 1 from pg_locks where locktype = 'advisory'
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return rows.length;
  };
  await waitFor('the share of those that hang', async () => (await locks()) === 8);
  letGo();
  await waitFor('the rest of them', async () => (await locks()) === 0);
});

describe('what waits to be started', () => {
  let letGo: () => void;
  let begun: string[];

  /** Eight of `c0` to `c11` are pulled until `letGo`, and the others wait; of their runtime `z` runs. */
  async function pull(changes: Partial<ObserverOptions>): Promise<void> {
    begun = [];
    const up = new Set(['default/z']);
    const identityIn = (key: string): string | null => (up.has(key) ? key : null);
    const pulled = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow: Runtime = {
      ...runtime,
      inspect: ({ resource }) =>
        Promise.resolve({ identity: identityIn(resource), takenAt: Date.now() }),
      observe: ({ resource }) =>
        Promise.resolve({
          ...{ identity: identityIn(resource), isRunning: up.has(resource), isAbsent: false },
          ...{ command: null, env: null, config: [] },
        }),
      async ensureRunning({ resource }) {
        begun.push(resource);
        await pulled;
        up.add(resource);
        return null;
      },
    };
    const spec = DOCKER_SCHEMA.parse({ type: 'docker', image: 'web:1' });
    const names = [...Array.from({ length: 12 }, (_, i) => `c${i}`), 'z'];
    await apply(...names.map((name) => service(name, { runtime: spec })));
    start({ runtimes: new Map([['docker', slow]]), ...changes });
    await waitFor('the places are taken', () => begun.length === 8);
  }

  const seen = () =>
    query<{ resource: string }>(database.pool, 'select resource from states order by resource');

  it('holds up no look at what runs, and is no runtime that gives no answer', async () => {
    await pull({ concurrency: 2, lateMs: 1000 });
    const from = Date.now();
    while (Date.now() - from < 1500) await looked('z');
    expect(await seen()).toEqual([{ resource: 'default/z' }]);
    expect(lines).toEqual([]);
    letGo();
    await waitFor('a look at each', async () => (await seen()).length === 13);
    expect(begun.sort()).toEqual(Array.from({ length: 12 }, (_, i) => `default/c${i}`).sort());
  });

  it('is not started any more on the way out, and is no drift', async () => {
    await pull({ concurrency: 2 });
    const ending = observer?.stop();
    letGo();
    await ending;
    expect(begun).toHaveLength(8);
    expect(await query(database.pool, 'select 1 from drift_events')).toEqual([]);
    expect(lines).toEqual([]);
  });
});
