import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { openFileJournal } from '../../activities/journal-file';
import { createRuntimeActivities, type ExecuteInput } from '../../activities/runtime';
import {
  createProcessRuntime,
  type ProcessRuntime,
} from '../../activities/runtimes/process/runtime';
import type { Journal } from '../../domain/action/journal';
import {
  TransientError,
  type ExecuteRequest,
  type ObservedState,
  type Runtime,
  type RuntimeTarget,
} from '../../domain/action/runtime';
import { driftOf } from '../../domain/drift/diff';
import type { DriftRules } from '../../domain/drift/rules';
import type { ServiceSpec } from '../../domain/resource';
import type { ProcessSpec } from '../../domain/runtime-spec';
import { createCountingRuntime } from '../support/counting-runtime';
import { serviceSpec } from '../support/manifest-objects';

/** Failures are answers here, not something to log. */
const QUIET = new DefaultLogger('ERROR', () => undefined);
const SLEEPER = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
let home: string;
let journal: Journal;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'vigil-settled-'));
  journal = await openFileJournal({ folder: join(home, 'journal'), now: Date.now });
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function activities(runtime: Runtime) {
  const runtimes = new Map([['process', runtime]]);
  const acts = createRuntimeActivities({ journal, runtimes, home });
  const run = <T>(act: (input: ExecuteInput) => Promise<T>, input: ExecuteInput): Promise<T> =>
    new MockActivityEnvironment({ attempt: 1 }, { logger: QUIET }).run(act, input);
  return {
    execute: (input: ExecuteInput) => run((given) => acts.execute(given), input),
    restore: (input: ExecuteInput) => run((given) => acts.restore(given), input),
  };
}

async function ask(
  runtime: Runtime,
  target: RuntimeTarget,
  action = 'sync',
): Promise<ExecuteInput> {
  const actionId = randomUUID();
  const step = { action, params: {} };
  const snapshot = await runtime.inspect(target, step);
  return {
    ...{ actionId, step: 0, token: 1 },
    request: { key: `${actionId}/0`, step, target, snapshot },
  };
}

function ruled(drift: Partial<DriftRules>): { drift: DriftRules } {
  return { drift: { ignore: [], owners: [], severity: [], ...drift } };
}

describe('what a step is to bring about', () => {
  const runtime: ProcessSpec = {
    ...{ type: 'process', command: ['true'], cwd: '.', stopWithVigil: false },
    env: { A: '1', B: '1' },
  };
  const ignoring = ruled({ ignore: [{ path: '/env/A' }] });
  const spec = serviceSpec({ runtime, ...ignoring });
  let seen: ObservedState;
  let looks: number;
  let aims: ExecuteRequest[];
  let blind: Error | null;

  beforeEach(() => {
    seen = {
      ...{ identity: '#0', isRunning: true, isAbsent: false, command: ['true'], config: [] },
      env: { A: '2', B: '2' },
    };
    [looks, aims, blind] = [0, [], null];
  });

  /** Counts looks, notes every aim; a real effect behind it. */
  function noting(crashes: (request: ExecuteRequest) => boolean = () => false): Runtime {
    const counting = createCountingRuntime(home);
    counting.restorable.add('sync');
    const note = (request: ExecuteRequest): void => {
      aims.push(request);
      if (crashes(request)) throw new Error('the worker died here');
    };
    return {
      ...counting,
      observe() {
        looks += 1;
        return blind === null ? Promise.resolve(seen) : Promise.reject(blind);
      },
      execute(request, signal) {
        note(request);
        return counting.execute(request, signal);
      },
      findDone(request) {
        note(request);
        return counting.findDone(request);
      },
      async restore(request, signal) {
        note(request);
        return (await counting.restore?.(request, signal)) ?? null;
      },
    };
  }

  const environments = (): unknown[] =>
    aims.map(({ target }) => target.spec.runtime as ProcessSpec).map(({ env }) => env);

  test('keeps what is ignored as it is, and says so to the runtime', async () => {
    const one = noting();
    await activities(one).execute(await ask(one, { resource: 'default/web', spec }));
    expect(environments()).toEqual([{ A: '2', B: '1' }]);
    expect(aims[0]?.target.settled).toEqual([{ pointer: '/env/A', value: '2', from: 'observed' }]);
  });

  test('is settled once: after a crash in the middle, and to be undone, it is the same', async () => {
    let isFirst = true;
    const one = noting(() => isFirst);
    const input = await ask(one, { resource: 'default/web', spec });
    await expect(activities(one).execute(input)).rejects.toThrow('the worker died here');
    isFirst = false;
    seen = { ...seen, env: { A: '3', B: '3' } };
    await activities(one).execute(input);
    const { request } = input;
    await activities(one).restore({
      ...input,
      request: { ...request, key: `${request.key}/restore` },
    });
    // Tried, looked for, done, undone.
    expect(environments()).toEqual(Array.from({ length: 4 }, () => ({ A: '2', B: '1' })));
    expect(looks).toBe(1);
  });

  test('what ended is told without another look', async () => {
    const one = noting();
    const input = await ask(one, { resource: 'default/web', spec });
    const result = await activities(one).execute(input);
    blind = new Error('nobody may look now');
    expect(await activities(one).execute(input)).toEqual(result);
  });

  test('what cannot be looked at is tried again, and then not begun', async () => {
    const one = noting();
    const input = await ask(one, { resource: 'default/web', spec });
    blind = new TransientError('the engine is away');
    await expect(activities(one).execute(input)).rejects.toMatchObject({
      type: 'StepFailed',
      message: 'the engine is away',
    });
    expect(looks).toBe(3);
    expect(aims).toEqual([]);
    expect(await journal.snapshotOf({ actionId: input.actionId, step: 0 })).toBeNull();
  });

  test('where no rule asks for it nothing is looked at', async () => {
    const one = noting();
    const plain = serviceSpec({ runtime });
    const override = { pointer: '/env/B', value: '5', policy: null, until: null };
    await activities(one).execute(await ask(one, { resource: 'default/a', spec: plain }));
    const target = { resource: 'default/b', spec: plain, overrides: [override] };
    await activities(one).execute(await ask(one, target));
    expect(environments()).toEqual([
      { A: '1', B: '1' },
      { A: '1', B: '5' },
    ]);
    expect(looks).toBe(0);
  });
});

describe('a process whose manifest ignores some of it', () => {
  let runtime: ProcessRuntime;
  const targets: RuntimeTarget[] = [];

  function target(spec: Partial<ServiceSpec>, env: Record<string, string> = {}): RuntimeTarget {
    const one: RuntimeTarget = {
      resource: 'default/web',
      spec: serviceSpec({
        runtime: { type: 'process', command: SLEEPER, env, cwd: home, stopWithVigil: false },
        ...spec,
      }),
    };
    targets.push(one);
    return one;
  }

  beforeEach(() => {
    runtime = createProcessRuntime({ home, now: Date.now, stopTimeoutMs: 2000 });
  });
  afterEach(async () => {
    for (const one of targets.splice(0)) await runtime.stop(one);
  });

  async function sync(one: RuntimeTarget, action = 'sync'): Promise<string> {
    return (await activities(runtime).execute(await ask(runtime, one, action))).summary;
  }

  async function drift(one: RuntimeTarget): Promise<string[]> {
    const observed = await runtime.observe(one);
    return driftOf(one.spec, observed, { sha256: () => '' }).map(({ pointer }) => pointer);
  }

  test('has the rest put right, and that left as it is', async () => {
    await runtime.ensureRunning(target({}, { A: '1', B: '1' }));
    writeFileSync(join(home, 'own.conf'), 'by hand');
    const rules = ruled({ ignore: [{ path: '/env/A' }, { path: '/config/own.conf' }] });
    const config: ServiceSpec['config'] = [
      { kind: 'content', path: 'own.conf', content: 'from git' },
      { kind: 'content', path: 'web.conf', content: 'from git' },
    ];
    const wanted = target({ config, ...rules }, { A: '2', B: '2' });
    expect(await drift(wanted)).toEqual(['/config/web.conf', '/env/B']);
    await sync(wanted);
    expect(await runtime.observe(wanted)).toMatchObject({ env: { A: '1', B: '2' } });
    expect(readFileSync(join(home, 'own.conf'), 'utf8')).toBe('by hand');
    expect(readFileSync(join(home, 'web.conf'), 'utf8')).toBe('from git');
    const { identity } = await runtime.inspect(wanted);
    expect(await sync(wanted)).toContain('runs as desired');
    expect((await runtime.inspect(wanted)).identity).toBe(identity);
  });

  test('is not started anew for a secret that is ignored, only told by its reference', async () => {
    writeFileSync(join(home, 'key'), 'first');
    const env = { KEY: `file:${join(home, 'key')}` };
    await runtime.ensureRunning(target({}, env));
    writeFileSync(join(home, 'key'), 'second');
    const config: ServiceSpec['config'] = [{ kind: 'content', path: 'web.conf', content: 'a' }];
    const left = target({ config, ...ruled({ ignore: [{ path: '/env/KEY' }] }) }, env);
    const { identity } = await runtime.inspect(left);
    expect(await sync(left)).toContain('wrote web.conf');
    expect((await runtime.inspect(left)).identity).toBe(identity);
    await sync(target({ config }, env));
    expect((await runtime.inspect(left)).identity).not.toBe(identity);
  });

  test('of an earlier Vigil, whose variables are shown to nobody, loses none of them', async () => {
    await runtime.ensureRunning(target({}, { LEVEL: 'info' }));
    const path = join(home, 'run/default/web/process.json');
    const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    delete record['variables'];
    writeFileSync(path, JSON.stringify(record));
    const wanted = target({}, { LEVEL: 'debug' });
    const observed = await runtime.observe(wanted);
    expect(driftOf(wanted.spec, observed, { sha256: () => '' })).toMatchObject([
      { pointer: '/env/LEVEL', kind: 'changed', observed: '(not shown)' },
    ]);
    const left = target(ruled({ ignore: [{ path: '/env/LEVEL' }] }), { LEVEL: 'debug' });
    const { identity } = await runtime.inspect(left);
    expect(await sync(left)).toContain('runs as desired');
    expect((await runtime.inspect(left)).identity).toBe(identity);
    await sync(left, 'restart');
    expect(await runtime.observe(left)).toMatchObject({ env: { LEVEL: 'debug' } });
  });

  test('is not started where that it runs is ignored, and its files are put right', async () => {
    const first = target({});
    await runtime.ensureRunning(first);
    await runtime.stop(first);
    const config: ServiceSpec['config'] = [{ kind: 'content', path: 'web.conf', content: 'a' }];
    const left = target({ config, ...ruled({ ignore: [{ path: '/running' }] }) });
    expect(await sync(left)).toBe(
      'wrote web.conf; default/web does not run, which its manifest ignores',
    );
    expect((await runtime.inspect(left)).identity).toBeNull();
    expect(existsSync(join(home, 'web.conf'))).toBe(true);
    await sync(target({}));
    expect((await runtime.inspect(first)).identity).not.toBeNull();
  });
});
