/** Engines that do not keep what was asked of a container: nothing is swapped for it, again and again. */
import type { ContainerCreateOptions } from 'dockerode';
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import type { Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import { driftOf } from '../../../../domain/drift/diff';
import { describeWithDocker, dockerHost } from '../../../support/docker-engine';
import { createForgetfulEngine, type ForgetfulEngine } from './forgetful-engine';
import { createBench, goOn, ignoring, KEY, type Bench } from './support';

let bench: Bench;
let engine: ForgetfulEngine;
let runtime: Runtime;

async function forget(
  remember: (asked: ContainerCreateOptions) => ContainerCreateOptions,
): Promise<void> {
  engine = await createForgetfulEngine(dockerHost(), { folder: bench.home, remember });
  runtime = createDockerRuntime({ home: bench.home, now: Date.now, socket: engine.socket });
}

async function sync(target: RuntimeTarget, action = 'sync', params = {}): Promise<unknown> {
  const step = { action, params };
  const snapshot = await runtime.inspect(target, step);
  return runtime.execute({ key: KEY, step, target, snapshot }, goOn);
}

async function drift(target: RuntimeTarget): Promise<string[]> {
  const observed = await runtime.observe(target);
  return driftOf(target.spec, observed, { sha256: () => '' }).map(({ pointer }) => pointer);
}

const withoutMemory = (asked: ContainerCreateOptions): ContainerCreateOptions => ({
  ...asked,
  HostConfig: { ...asked.HostConfig, Memory: 0 },
});

const withProxy = (asked: ContainerCreateOptions): ContainerCreateOptions => ({
  ...asked,
  Env: [...(asked.Env ?? []), 'http_proxy=http://me:hunter2@proxy'],
});

describeWithDocker('an engine that does not keep what was asked', () => {
  beforeEach(() => {
    bench = createBench();
  });
  afterEach(async () => {
    await engine.close();
    await bench.tearDown();
  });

  test.each<[string, typeof withProxy, Record<string, unknown>, string, string]>([
    [
      'drops a limit',
      withoutMemory,
      { resources: { memory: '64Mi' } },
      '/resources/memory',
      'this engine does not keep limit of memory (asked 64Mi, kept none)',
    ],
    [
      'adds a variable',
      withProxy,
      {},
      '/env/http_proxy',
      'this engine does not keep variable http_proxy (asked none, kept a value of its own)',
    ],
  ])('%s: the old container runs on, and the error says what and the remedy', async (...row) => {
    const [, remember, written, pointer, message] = row;
    await forget(remember);
    const target = bench.target(written);
    await runtime.ensureRunning(target);
    expect(await drift(target)).toEqual([pointer]);
    const before = await bench.containers();
    const attempt = sync(bench.target({ ...written, labels: { team: 'shop' } }));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(`or name ${pointer} in spec.drift.ignore`);
    await expect(attempt).rejects.not.toThrow('hunter2');
    expect(engine.creations()).toBe(2);
    const after = await bench.containers();
    expect(Object.keys(after)).toEqual(['web-1']);
    expect(after['web-1']).toMatchObject({ Id: before['web-1']?.Id, State: { Running: true } });
    expect(after['web-1']?.State.StartedAt).toBe(before['web-1']?.State.StartedAt);
  });

  test('what is ignored is asked for as it is, once', async () => {
    await forget(withoutMemory);
    const written = { resources: { memory: '64Mi' } };
    await runtime.ensureRunning(bench.target(written));
    const target = bench.target({ ...written, labels: { team: 'shop' } });
    await sync(await ignoring(runtime, target, '/resources/memory'));
    expect(await drift(target)).toEqual(['/resources/memory']);
    expect((await bench.containers())['web-1']?.Config.Labels).toMatchObject({ team: 'shop' });
    await sync(await ignoring(runtime, target, '/resources/memory'));
    expect(engine.creations()).toBe(2);
  });

  test.each<[string, typeof withProxy, Record<string, unknown>, object, string]>([
    [
      'which the manifest names',
      withoutMemory,
      { resources: { memory: '64Mi' } },
      { memory: '32Mi' },
      '/resources/memory',
    ],
    ['which it does not', withoutMemory, {}, { memory: '32Mi' }, '/resources/*'],
    ['which the engine adds', withProxy, {}, { env: 'A=1' }, '/env/http_proxy'],
  ])('an update with an ignored value, %s, is made', async (...row) => {
    const [, remember, written, params, path] = row;
    await forget(remember);
    // Made while the engine still kept all.
    await bench.runtime.ensureRunning(bench.target(written));
    const target = await ignoring(runtime, bench.target(written), path);
    const before = (await bench.containers())['web-1']?.Id;
    await sync(target, 'update', params);
    const after = await bench.containers();
    expect(Object.keys(after)).toEqual(['web-1']);
    expect(after['web-1']?.Id).not.toBe(before);
  });

  test('an update that would not be kept is refused; a restart takes what it gets', async () => {
    await forget(withoutMemory);
    const target = bench.target({ resources: { memory: '64Mi' } });
    await runtime.ensureRunning(target);
    await expect(sync(target, 'update', { memory: '32Mi' })).rejects.toThrow(
      '(asked 32Mi, kept none)',
    );
    await sync(target, 'restart');
    expect(Object.keys(await bench.containers())).toEqual(['web-1']);
  });
});
