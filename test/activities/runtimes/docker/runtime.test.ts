import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { demultiplex, redact } from '../../../../activities/runtimes/docker/logs';
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import {
  TransientError,
  type Runtime,
  type RuntimeTarget,
} from '../../../../domain/action/runtime';
import type { StepParams } from '../../../../domain/policy/policy';
import { driftOf } from '../../../../domain/drift/diff';
import { describeWithDocker, dockerHost } from '../../../support/docker-engine';
import { waitFor } from '../../../support/wait';
import { createBench, goOn, KEY, SLEEPER, type Bench } from './support';

const scaling = { min: 1, max: 3 };
let bench: Bench;

/** Inspects and acts, as the workflow does. */
async function act(
  target: RuntimeTarget,
  action: string,
  given: { params?: StepParams; key?: string } = {},
) {
  const asked = await bench.request(target, action, given);
  return { asked, result: await bench.runtime.execute(asked, goOn) };
}

async function names(): Promise<string[]> {
  return Object.keys(await bench.containers());
}

function driftPointers(target: RuntimeTarget, observed: Awaited<ReturnType<Runtime['observe']>>) {
  return driftOf(target.spec, observed, { sha256: () => '', overrides: target.overrides }).map(
    ({ pointer }) => pointer,
  );
}

/** As a person would: removes a container and makes another of its name. */
async function remake(
  { Id, Name, Config }: ContainerInspectInfo,
  changes: Record<string, unknown>,
): Promise<void> {
  await bench.docker.getContainer(Id).remove({ force: true });
  const { Image, Cmd, Labels } = Config;
  const made = await bench.docker.createContainer({
    ...{ name: Name.slice(1), Image, Cmd, Labels, HostConfig: { NetworkMode: 'none' } },
    ...changes,
  });
  await made.start();
}

describeWithDocker('the docker runtime', () => {
  beforeEach(() => {
    bench = createBench();
  });
  afterEach(() => bench.tearDown());

  describe('a container that it makes', () => {
    test('has what the manifest says, never starts by itself, and is known by its labels', async () => {
      writeFileSync(join(bench.home, 'key'), 'hunter2\n');
      const target = bench.target({
        env: { PORT: 80, KEY: `file:${join(bench.home, 'key')}` },
        resources: { cpus: 0.5, memory: '64Mi' },
        volumes: [`${bench.home}:/data:ro`],
        labels: { team: 'shop' },
        health: { command: ['true'], interval: '1s' },
      });
      await bench.runtime.ensureRunning(target);
      const { 'web-1': made } = await bench.containers();
      expect(made?.Config.Env).toEqual(expect.arrayContaining(['PORT=80', 'KEY=hunter2']));
      expect(made?.HostConfig).toMatchObject({
        NanoCpus: 5e8,
        Memory: 64 * 2 ** 20,
        Binds: [`${bench.home}:/data:ro`],
        NetworkMode: 'none',
        RestartPolicy: { Name: 'no' },
      });
      expect(made?.Config.Healthcheck).toMatchObject({ Test: ['CMD', 'true'], Interval: 1e9 });
      expect(made?.Config.Labels).toMatchObject({
        team: 'shop',
        'vigil.resource': target.resource,
        'vigil.action': 'start',
        'vigil.owner': bench.home,
        'vigil.replica': '1',
      });
      expect(JSON.stringify(made?.Config.Labels)).not.toContain('hunter2');
    });

    test('publishes the ports of the manifest', async () => {
      const target = bench.target({
        network: null,
        ports: ['127.0.0.1:18080:80', '5353:53/udp'],
      });
      // This engine has no bridge, and the start is refused; what was asked for is there.
      await bench.runtime.ensureRunning(target).catch(() => undefined);
      expect((await bench.containers())['web-1']?.HostConfig.PortBindings).toEqual({
        '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '18080' }],
        '53/udp': [{ HostIp: '', HostPort: '5353' }],
      });
    });

    test('an image that the engine lacks is named, with the remedy, and nothing is pulled', async () => {
      const attempt = bench.runtime.ensureRunning(bench.target({ image: 'nowhere:9' }));
      await expect(attempt).rejects.toThrow(
        'image nowhere:9 is not on this Docker engine: docker pull it there, correct its name, or write "pull: missing"',
      );
      await expect(attempt).rejects.not.toBeInstanceOf(TransientError);
    });

    test('a secret that cannot be resolved stops nothing', async () => {
      await bench.runtime.ensureRunning(bench.target());
      const target = bench.target({ env: { KEY: 'file:/nowhere/key' } });
      await expect(act(target, 'sync')).rejects.toThrow('environment variable KEY: secret file');
      expect((await bench.containers())['web-1']?.State.Running).toBe(true);
    });

    test('a container of that name which is not ours is named and left alone', async () => {
      const target = bench.target();
      const name = `vigil-${target.resource.replace('/', '-')}-1`;
      const stranger = await bench.docker.createContainer({
        name,
        Image: 'vigil-test:1',
        Cmd: SLEEPER,
      });
      await expect(bench.runtime.ensureRunning(target)).rejects.toThrow(
        `a container named ${name} is there already, and it is not this Vigil's`,
      );
      expect((await stranger.inspect()).State.Status).toBe('created');
      await stranger.remove();
    });

    test('another Vigil on the same engine neither sees nor touches it', async () => {
      const target = bench.target();
      await bench.runtime.ensureRunning(target);
      const other = createDockerRuntime({
        ...{ home: join(bench.home, 'other'), now: () => Date.now(), socket: dockerHost() },
      });
      expect(await other.inspect(target)).toMatchObject({ identity: null });
      expect(await other.observe(target)).toMatchObject({ isAbsent: true, replicas: 0 });
    });
  });

  describe('restart', () => {
    test('is rolling, and each new container carries the step', async () => {
      const target = bench.target({ replicas: 2 });
      await bench.runtime.ensureRunning(target);
      const before = await bench.containers();
      const { result } = await act(target, 'restart_service');
      const after = await bench.containers();
      for (const name of ['web-1', 'web-2']) {
        expect(after[name]?.Id).not.toBe(before[name]?.Id);
        expect(after[name]?.Config.Labels['vigil.action']).toBe(KEY);
      }
      expect(result.summary).toBe(`restarted 2 containers of ${target.resource}`);
      const second = Date.parse(after['web-2']?.State.StartedAt ?? '');
      expect(second - Date.parse(after['web-1']?.State.StartedAt ?? '')).toBeGreaterThan(100);
    });

    test('goes no further once a new container is not healthy', async () => {
      const fragile = ['sh', '-c', '[ ! -e /data/broken ] || exit 4; sleep 1000'];
      const target = bench.target({
        ...{ replicas: 2, command: fragile, stopTimeout: 0 },
        ...{ volumes: [`${bench.home}:/data`], runningFor: '2s' },
      });
      await bench.runtime.ensureRunning(target);
      const before = await bench.containers();
      writeFileSync(join(bench.home, 'broken'), '');
      await expect(act(target, 'restart')).rejects.toThrow(
        'container 1 did not become healthy after its restart (it ended with code 4), so the others were left as they are',
      );
      expect((await bench.containers())['web-2']?.Id).toBe(before['web-2']?.Id);
    });

    test('keeps what the container runs: a newer manifest or image is for sync', async () => {
      await bench.runtime.ensureRunning(bench.target());
      await act(bench.target({ env: { NEW: '1' }, image: 'vigil-test:2' }), 'restart');
      const { 'web-1': stands } = await bench.containers();
      expect(stands?.Config.Image).toBe('vigil-test:1');
      expect(stands?.Config.Env ?? []).not.toContain('NEW=1');
    });

    test('starts what had ended by itself', async () => {
      const target = bench.target();
      await bench.runtime.ensureRunning(target);
      const [first] = Object.values(await bench.containers());
      await bench.docker.getContainer(first?.Id ?? '').kill();
      expect(await bench.runtime.observe(target)).toMatchObject({
        isRunning: false,
        isAbsent: false,
      });
      expect((await act(target, 'restart')).result.identity).not.toBeNull();
    });

    test('tells the last 20 lines of what went, without the secrets', async () => {
      writeFileSync(join(bench.home, 'key'), 'hunter2');
      const target = bench.target({
        command: [
          'sh',
          '-c',
          'seq 1 30; echo "the key is $KEY"; trap "exit 0" TERM; sleep 1000 & wait',
        ],
        env: { KEY: `file:${join(bench.home, 'key')}` },
      });
      await bench.runtime.ensureRunning(target);
      const [first] = Object.values(await bench.containers());
      await waitFor('its lines', async () => {
        const raw = await bench.docker
          .getContainer(first?.Id ?? '')
          .logs({ stdout: true, stderr: true });
        return raw.toString().includes('the key');
      });
      const { result } = await act(target, 'restart');
      const counted = Array.from({ length: 19 }, (_, i) => String(i + 12));
      expect(result.details).toEqual({ logs: [...counted, 'the key is [redacted]'] });
    });

    test('data of a volume that the image declared goes on', async () => {
      const { id } = await bench.docker.createContainer({ Image: 'vigil-test:1', Cmd: ['true'] });
      await bench.docker
        .getContainer(id)
        .commit({ repo: 'vigil-test', tag: 'volume', changes: 'VOLUME /kept' });
      await bench.docker.getContainer(id).remove();
      const target = bench.target({
        image: 'vigil-test:volume',
        command: [
          'sh',
          '-c',
          'echo up >> /kept/log; cat /kept/log; trap "exit 0" TERM; sleep 1000 & wait',
        ],
      });
      await bench.runtime.ensureRunning(target);
      await waitFor('its line', async () => (await tail()) === 1);
      await act(target, 'restart');
      await waitFor('both lines', async () => (await tail()) === 2);
      await act(target, 'restart', { key: 'third/0' });
      await waitFor('three lines', async () => (await tail()) === 3);

      async function tail(): Promise<number> {
        const [first] = Object.values(await bench.containers());
        const raw = await bench.docker.getContainer(first?.Id ?? '').logs({ stdout: true });
        return raw.toString().split('up').length - 1;
      }
    });
  });

  describe('scale', () => {
    test('makes its aim absolute when it is inspected, and reaches it once', async () => {
      const target = bench.target({}, { scaling });
      await bench.runtime.ensureRunning(target);
      const { asked, result } = await act(target, 'scale-up');
      expect(asked.snapshot.aim).toEqual({ to: 2 });
      expect(result.summary).toBe(`scale: ${target.resource}, 1 → 2 containers`);
      await bench.runtime.execute(asked, goOn);
      expect(await names()).toEqual(['web-1', 'web-2']);
      expect(await bench.runtime.findDone(asked)).toMatchObject({ identity: result.identity });
      expect((await bench.containers())['web-2']?.Config.Labels['vigil.replica']).toBe('2');
    });

    test('down removes the highest numbers, and restore brings them back', async () => {
      const target = bench.target({ replicas: 3 }, { scaling });
      await bench.runtime.ensureRunning(target);
      const before = await bench.containers();
      const { asked } = await act(target, 'scale', { params: { by: -2 } });
      expect(await names()).toEqual(['web-1']);
      await bench.runtime.restore?.({ ...asked, key: `${KEY}/restore` }, goOn);
      const after = await bench.containers();
      expect(Object.keys(after)).toEqual(Object.keys(before));
      expect(after['web-1']?.Id).toBe(before['web-1']?.Id);
    });

    test.each<[string, StepParams, object, string]>([
      ['without spec.scaling', { by: 1 }, {}, 'give its manifest spec.scaling { min, max }'],
      ['above the maximum', { to: 4 }, { scaling }, 'and spec.scaling allows 1 to 3'],
      ['below the minimum', { by: -1 }, { scaling }, 'would have 0 replicas'],
      ['by nothing', {}, { scaling }, 'scale needs a whole number'],
    ])('%s is refused', async (_, params, service, message) => {
      const target = bench.target({}, service);
      await bench.runtime.ensureRunning(target);
      await expect(act(target, 'scale', { params })).rejects.toThrow(message);
      expect(await names()).toEqual(['web-1']);
    });

    test('stays within the bounds while there is room', async () => {
      const target = bench.target({ replicas: 2 }, { scaling });
      await bench.runtime.ensureRunning(target);
      const { asked } = await act(target, 'scale', { params: { by: 5 } });
      expect(asked.snapshot.aim).toEqual({ to: 3 });
    });

    test('what an action scaled is no drift while its override holds, and is kept by the next start', async () => {
      const target = bench.target({}, { scaling });
      await bench.runtime.ensureRunning(target);
      await act(target, 'scale', { params: { to: 3 } });
      const overrides = [{ pointer: '/replicas', value: 3, policy: 'default/p', until: null }];
      const observed = await bench.runtime.observe(target);
      expect(observed).toMatchObject({ replicas: 3 });
      expect(driftPointers({ ...target, overrides }, observed)).toEqual([]);
      expect(driftPointers(target, observed)).toEqual(['/replicas']);
      await act(target, 'stop', { key: 'stop/0' });
      await bench.runtime.ensureRunning(target);
      expect(await bench.runtime.observe(target)).toMatchObject({ replicas: 3 });
    });

    test('what a hand scaled is drift, and sync brings it back to the manifest', async () => {
      const target = bench.target({}, { scaling });
      await bench.runtime.ensureRunning(bench.target({ replicas: 2 }, { scaling }));
      expect(driftPointers(target, await bench.runtime.observe(target))).toEqual(['/replicas']);
      await act(target, 'sync');
      expect(driftPointers(target, await bench.runtime.observe(target))).toEqual([]);
    });
  });

  describe('update and sync', () => {
    const CHECKED = {
      health: { command: ['sh', '-c', 'test -z "$BROKEN"'], interval: '500ms', retries: 1 },
    };

    test('an update is healthy before the old container goes', async () => {
      const target = bench.target(CHECKED);
      await bench.runtime.ensureRunning(target);
      await act(target, 'update', {
        params: { image: 'vigil-test:2', memory: '32Mi', cpus: 0.25 },
      });
      const { 'web-1': stands, ...others } = await bench.containers();
      expect(others).toEqual({});
      expect(stands?.Config.Image).toBe('vigil-test:2');
      expect(stands?.State.Health?.Status).toBe('healthy');
      expect(stands?.HostConfig).toMatchObject({ Memory: 32 * 2 ** 20, NanoCpus: 25e7 });
    });

    test('an update that does not become healthy brings the old container back', async () => {
      const target = bench.target(CHECKED);
      await bench.runtime.ensureRunning(target);
      const before = await bench.containers();
      const asked = await bench.request(target, 'update', { params: { env: 'BROKEN=1' } });
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
        /health check failed 1 times; it said: up\. The old one runs again, and the new one is kept as vigil-.*-web-1-failed/,
      );
      const after = await bench.containers();
      expect(Object.keys(after)).toEqual(['web-1', 'web-1-failed']);
      expect(after['web-1']).toMatchObject({ Id: before['web-1']?.Id, State: { Running: true } });

      // The same step once more tells the same, and starts nothing.
      const starts = await bench.events('start');
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow(
        'as an earlier attempt found',
      );
      expect(await bench.events('start')).toEqual(starts);
      // The next swap takes away what the failed one left.
      await act(target, 'restart', { key: 'next/0' });
      expect(await names()).toEqual(['web-1']);
    });

    test('a program that cannot be started brings the old container back', async () => {
      await bench.runtime.ensureRunning(bench.target());
      const wrong = bench.target({ command: ['no-such-program'] });
      await expect(act(wrong, 'sync')).rejects.toThrow('no-such-program');
      expect((await bench.containers())['web-1']?.State.Running).toBe(true);
    });

    test.each([
      ['nothing', {}, 'update changes nothing'],
      ['an image that is not there', { image: 'nowhere:9' }, 'image nowhere:9 is not on this'],
      ['no amount of memory', { memory: 'lots' }, 'is no amount such as 512Mi'],
      ['no variable', { env: 'BROKEN' }, 'env must be NAME=value'],
    ])('an update to %s is refused and stops nothing', async (_, params, message) => {
      const target = bench.target();
      await bench.runtime.ensureRunning(target);
      await expect(act(target, 'update', { params: params })).rejects.toThrow(message);
      expect((await bench.events('die')).length).toBe(0);
    });

    test('sync does nothing where all is as the manifest says', async () => {
      const target = bench.target({ replicas: 2 });
      await bench.runtime.ensureRunning(target);
      const asked = await bench.request(target, 'sync');
      expect(await bench.runtime.findDone(asked)).not.toBeNull();
      const starts = await bench.events('start');
      await bench.runtime.execute(asked, goOn);
      expect(await bench.events('start')).toEqual(starts);
    });

    test('sync makes what is missing, swaps what differs or ended, removes what is too much', async () => {
      await bench.runtime.ensureRunning(bench.target({ replicas: 3 }));
      const { 'web-1': first, 'web-2': second } = await bench.containers();
      await bench.docker.getContainer(first?.Id ?? '').remove({ force: true });
      await bench.docker.getContainer(second?.Id ?? '').kill();
      const target = bench.target({ replicas: 2, env: { NEW: '1' } });
      const seen = driftPointers(target, await bench.runtime.observe(target));
      expect(seen).toEqual(['/env/NEW', '/replicas']);
      const { asked } = await act(target, 'sync');
      const after = await bench.containers();
      expect(Object.values(after).map(({ State }) => State.Running)).toEqual([true, true]);
      expect(Object.values(after).map(({ Config }) => Config.Env)).toEqual([
        expect.arrayContaining(['NEW=1']),
        expect.arrayContaining(['NEW=1']),
      ]);
      expect(driftPointers(target, await bench.runtime.observe(target))).toEqual([]);
      expect(await bench.runtime.findDone(asked)).not.toBeNull();
    });

    test('sync puts back a limit that somebody changed on the container itself', async () => {
      const target = bench.target({ resources: { memory: '32Mi' } });
      await bench.runtime.ensureRunning(target);
      const [made] = Object.values(await bench.containers());
      const change = { Memory: 48 * 2 ** 20, MemorySwap: 48 * 2 ** 20 };
      await bench.docker.getContainer(made?.Id ?? '').update(change);
      const { asked } = await act(target, 'sync');
      expect((await bench.containers())['web-1']?.HostConfig.Memory).toBe(32 * 2 ** 20);
      expect(await bench.runtime.findDone(asked)).not.toBeNull();
    });

    test('sync swaps nothing for a secret that is another by now, where that is ignored', async () => {
      writeFileSync(join(bench.home, 'key'), 'first');
      const target = bench.target({ env: { KEY: `file:${join(bench.home, 'key')}` } });
      await bench.runtime.ensureRunning(target);
      writeFileSync(join(bench.home, 'key'), 'second');
      const before = await bench.runtime.inspect(target);
      const settled = [{ pointer: '/env/KEY', value: null, from: 'observed' as const }];
      await act({ ...target, settled }, 'sync');
      expect((await bench.runtime.inspect(target)).identity).toBe(before.identity);
      await act(target, 'sync', { key: 'sync/0' });
      expect((await bench.runtime.inspect(target)).identity).not.toBe(before.identity);
    });

    test('sync leaves each container the image it has, and a set that does not run alone, where that is ignored', async () => {
      await bench.runtime.ensureRunning(bench.target());
      const target = bench.target({ image: 'vigil-test:2', env: { NEW: '1' } });
      const left = (pointer: string, value: string | boolean): RuntimeTarget => ({
        ...target,
        settled: [{ pointer, value, from: 'observed' }],
      });
      await act(left('/image', 'vigil-test:1'), 'sync');
      const { 'web-1': stands } = await bench.containers();
      expect(stands?.Config.Image).toBe('vigil-test:1');
      expect(stands?.Config.Env).toContain('NEW=1');
      await act(target, 'stop', { key: 'stop/0' });
      const { asked, result } = await act(left('/running', false), 'sync', { key: 'sync/0' });
      expect(result.summary).toContain('which its manifest ignores');
      expect(await bench.runtime.findDone(asked)).not.toBeNull();
      expect((await bench.containers())['web-1']?.State.Running).toBe(false);
    });

    test('an image that was built anew under its name is drift; undone, the old one is back', async () => {
      const image = bench.docker.getImage('vigil-test:1');
      await image.tag({ repo: 'vigil-moving', tag: 'latest' });
      const target = bench.target({ image: 'vigil-moving:latest' });
      await bench.runtime.ensureRunning(target);
      const before = (await bench.containers())['web-1']?.Image;
      await bench.docker.getImage('vigil-test:2').tag({ repo: 'vigil-moving', tag: 'latest' });
      expect(driftPointers(target, await bench.runtime.observe(target))).toEqual(['/image']);
      const { asked } = await act(target, 'sync');
      expect((await bench.containers())['web-1']?.Image).not.toBe(before);
      await bench.runtime.restore?.({ ...asked, key: `${KEY}/restore` }, goOn);
      expect((await bench.containers())['web-1']?.Image).toBe(before);
    });
  });

  test('stop keeps the containers, start brings them back, and both know when they are done', async () => {
    const target = bench.target({ replicas: 2 });
    await bench.runtime.ensureRunning(target);
    const before = await bench.containers();
    const stop = await bench.request(target, 'stop');
    expect(await bench.runtime.findDone(stop)).toBeNull();
    expect(await bench.runtime.execute(stop, goOn)).toMatchObject({ identity: null });
    expect(await bench.runtime.findDone(stop)).toMatchObject({ identity: null });
    const { asked } = await act(target, 'start', { key: 'start/0' });
    expect(await bench.runtime.findDone(asked)).not.toBeNull();
    const after = await bench.containers();
    expect(Object.values(after).map(({ Id }) => Id)).toEqual(
      Object.values(before).map(({ Id }) => Id),
    );
  });

  test('pause freezes and unpause lets go on, each once', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    const { asked } = await act(target, 'pause');
    await bench.runtime.execute(asked, goOn);
    expect((await bench.containers())['web-1']?.State.Paused).toBe(true);
    expect(await bench.runtime.findDone(asked)).not.toBeNull();
    const goes = await act(target, 'unpause', { key: 'on/0' });
    expect((await bench.containers())['web-1']?.State.Paused).toBe(false);
    expect(await bench.runtime.findDone(goes.asked)).not.toBeNull();
    expect(await bench.events('pause')).toHaveLength(1);
  });

  test('a paused container can be restarted', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    await act(target, 'pause');
    await act(target, 'restart', { key: 'again/0' });
    expect((await bench.containers())['web-1']?.State).toMatchObject({
      Running: true,
      Paused: false,
    });
  });

  test('tells a variable that the manifest names no longer, and no secret that it was made with', async () => {
    const file = join(bench.home, 'key');
    writeFileSync(file, 'hunter2');
    await bench.runtime.ensureRunning(bench.target({ env: { KEY: `file:${file}`, OLD: '1' } }));
    const now = bench.target({ env: { KEY: 'open' } });
    const observed = await bench.runtime.observe(now);
    expect(observed.env).toEqual({ KEY: `file:${file}`, OLD: '1' });
    expect(driftPointers(now, observed)).toEqual(['/env/KEY', '/env/OLD']);
    await act(now, 'sync');
    expect(driftPointers(now, await bench.runtime.observe(now))).toEqual([]);
  });

  test('tells limits, labels and variables that somebody changed, and sync puts them right', async () => {
    const target = bench.target({
      ...{ env: { A: '1' }, labels: { team: 'shop' } },
      resources: { cpus: 0.5, memory: '64Mi' },
    });
    await bench.runtime.ensureRunning(target);
    const observe = () => bench.runtime.observe(target);
    expect(driftPointers(target, await observe())).toEqual([]);
    const { 'web-1': made } = await bench.containers();
    if (made === undefined) throw new Error('no container');
    await bench.docker.getContainer(made.Id).update({ Memory: 32 * 2 ** 20, MemorySwap: -1 });
    expect(driftPointers(target, await observe())).toEqual(['/resources/memory']);
    await remake(made, {
      Env: ['A=2', 'DEBUG=yes'],
      Labels: { ...made.Config.Labels, team: 'me' },
    });
    expect(await observe()).toMatchObject({
      env: { A: '2', DEBUG: 'yes' },
      labels: { team: 'me' },
    });
    expect(driftPointers(target, await observe())).toEqual([
      '/env/A',
      '/env/DEBUG',
      '/labels/team',
      '/resources/cpu',
      '/resources/memory',
    ]);
    await act(target, 'sync');
    expect(driftPointers(target, await observe())).toEqual([]);
    const ignoring = {
      ...target,
      spec: {
        ...target.spec,
        drift: { ignore: [{ path: '/env/DEBUG' }], owners: [], severity: [] },
      },
    };
    const { 'web-1': healed } = await bench.containers();
    if (healed === undefined) throw new Error('no container');
    await remake(healed, { Env: ['A=1', 'DEBUG=yes'], HostConfig: healed.HostConfig });
    expect(driftPointers(ignoring, await observe())).toEqual([]);
    expect(driftPointers(target, await observe())).toEqual(['/env/DEBUG']);
  });

  test('what is observed agrees with the manifest, secrets as references, and tells a changed one', async () => {
    const key = join(bench.home, 'key');
    writeFileSync(key, 'hunter2');
    const target = bench.target({
      env: { KEY: `file:${key}`, PORT: '80' },
      health: { command: ['true'], interval: '100ms' },
    });
    await bench.runtime.ensureRunning(target);
    await waitFor(
      'its health',
      async () => (await bench.runtime.observe(target)).health === 'healthy',
    );
    const observed = await bench.runtime.observe(target);
    expect(observed).toMatchObject({
      ...{ isRunning: true, isAbsent: false, image: 'vigil-test:1', replicas: 1 },
      env: { KEY: `file:${key}`, PORT: '80' },
      command: SLEEPER,
    });
    expect(driftPointers(target, observed)).toEqual([]);
    writeFileSync(key, 'hunter3');
    const changed = await bench.runtime.observe(target);
    expect(driftPointers(target, changed)).toEqual(['/env/KEY']);
    expect(changed.env).toEqual({ KEY: '(not shown)', PORT: '80' });
    await act(target, 'sync');
    expect((await bench.containers())['web-1']?.Config.Env).toContain('KEY=hunter3');
  });

  test('containers that somebody removed are missing, not absent: policies decide', async () => {
    const target = bench.target();
    expect(await bench.runtime.observe(target)).toMatchObject({ isAbsent: true });
    await bench.runtime.ensureRunning(target);
    for (const { Id } of Object.values(await bench.containers())) {
      await bench.docker.getContainer(Id).remove({ force: true });
    }
    expect(await bench.runtime.observe(target)).toMatchObject({
      isAbsent: false,
      isRunning: false,
    });
  });

  test.each(['worker.docker.socket', 'DOCKER_HOST'])(
    'an engine behind TCP is reached by %s',
    async (by) => {
      const relay = createServer((near) => {
        const far = connect(dockerHost().replace('unix://', ''));
        near.pipe(far).pipe(near);
        // Either end may go first.
        near.on('error', () => far.destroy());
        far.on('error', () => near.destroy());
      });
      await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
      const url = `tcp://127.0.0.1:${(relay.address() as AddressInfo).port}`;
      if (by === 'DOCKER_HOST') process.env['DOCKER_HOST'] = url;
      const runtime = createDockerRuntime({
        ...{ home: bench.home, now: () => Date.now() },
        socket: by === 'DOCKER_HOST' ? undefined : url,
      });
      delete process.env['DOCKER_HOST'];
      const target = bench.target();
      const started = await bench.runtime.ensureRunning(target);
      expect(await runtime.inspect(target)).toMatchObject({ identity: started?.identity });
      await new Promise((resolve) => relay.close(resolve));
    },
  );

  describe('an adopted container', () => {
    async function stranger(): Promise<{ name: string; target: RuntimeTarget }> {
      const name = `legacy-${bench.home.split('-').at(-1) ?? ''}`;
      const made = await bench.docker.createContainer({
        ...{ name, Image: 'vigil-test:1', Cmd: SLEEPER, NetworkDisabled: true },
        Labels: { 'vigil.owner': bench.home },
      });
      await made.start();
      return { name, target: bench.target({ adopt: name }) };
    }

    test('is restarted in place, once, and known by its start', async () => {
      const { name, target } = await stranger();
      const { asked, result } = await act(target, 'restart');
      expect(result.identity).not.toBe(asked.snapshot.identity);
      expect(result.identity?.split('@')[0]).toBe(asked.snapshot.identity?.split('@')[0]);
      expect(await bench.runtime.findDone(asked)).toMatchObject({ identity: result.identity });
      await expect(bench.runtime.execute(asked, goOn)).rejects.toThrow('target changed');
      await act(target, 'pause', { key: 'pause/0' });
      expect((await bench.docker.getContainer(name).inspect()).State.Paused).toBe(true);
      await act(target, 'unpause', { key: 'unpause/0' });
    });

    test.each(['stop', 'start', 'scale', 'update', 'sync'])(
      'is never asked to %s',
      async (action) => {
        const { name, target } = await stranger();
        await expect(act(target, action, { params: { to: 2 } })).rejects.toThrow(
          `adopts container ${name}, which is not Vigil's: it can restart, pause, unpause, and not ${action}`,
        );
        expect(await bench.runtime.ensureRunning(target)).toBeNull();
        expect((await bench.docker.getContainer(name).inspect()).State.Running).toBe(true);
      },
    );

    test('is no drift while it runs', async () => {
      const { target } = await stranger();
      expect(driftPointers(target, await bench.runtime.observe(target))).toEqual([]);
    });
  });
});

describe('without an engine', () => {
  test('every call says where it looked, and may be tried again', async () => {
    const runtime = createDockerRuntime({
      ...{ home: '/tmp/vigil-nowhere', now: () => Date.now(), socket: '/nowhere/docker.sock' },
    });
    const spec = { runtime: { type: 'docker', adopt: null } } as unknown as RuntimeTarget['spec'];
    const attempt = runtime.observe({ resource: 'shop/web', spec });
    await expect(attempt).rejects.toThrow(
      'the Docker engine at /nowhere/docker.sock cannot be reached (ENOENT) to list containers; start it, or set worker.docker.socket',
    );
    await expect(attempt).rejects.toBeInstanceOf(TransientError);
  });
});

test('frames of both streams become one text, and a cut frame its part', () => {
  const frame = (stream: number, text: string): Buffer => {
    const header = Buffer.alloc(8);
    header.writeUInt8(stream, 0);
    header.writeUInt32BE(text.length, 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const raw = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n'), frame(1, 'three')]);
  expect(demultiplex(raw)).toBe('one\ntwo\nthree');
  expect(demultiplex(raw.subarray(0, raw.length - 2))).toBe('one\ntwo\nthr');
  expect(demultiplex(Buffer.alloc(0))).toBe('');
});

test('a secret is taken out of every line, also when it has several of its own', () => {
  expect(redact(['a hunter2 hunter', 'BEGIN', 'abc'], ['hunter2', 'BEGIN\nabc\n'])).toEqual([
    'a [redacted] hunter',
    '[redacted]',
    '[redacted]',
  ]);
});
