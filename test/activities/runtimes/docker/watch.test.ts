import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import type { RuntimeWatch, RuntimeWatchHandler } from '../../../../domain/action/runtime';
import { describeWithDocker, dockerHost } from '../../../support/docker-engine';
import { waitFor } from '../../../support/wait';
import { createBench, type Bench } from './support';

type Told = Parameters<RuntimeWatchHandler['onChange']>[0];

let bench: Bench;
let watch: RuntimeWatch | null;
let told: Told[];
let errors: unknown[];

function follow(socket = dockerHost()): RuntimeWatch {
  const runtime = createDockerRuntime({ home: bench.home, now: Date.now, socket });
  const opened = runtime.watch?.({
    targets: () => [],
    onChange: (event) => told.push(event),
    onError: (error) => errors.push(error),
  });
  if (opened === undefined) throw new Error('the docker runtime does not watch');
  watch = opened;
  return opened;
}

async function working(): Promise<void> {
  await waitFor('the engine to be heard', () => watch?.isWorking() === true);
}

const whats = (): string[] => told.flatMap(({ hint }) => hint?.attribution.what ?? []);

describeWithDocker('what the engine tells', () => {
  beforeEach(() => {
    bench = createBench();
    [watch, told, errors] = [null, [], []];
  });
  afterEach(async () => {
    await watch?.close();
    await bench.tearDown();
  });

  test('names the resource, and how its differences came about', async () => {
    const target = bench.target();
    await bench.runtime.ensureRunning(target);
    follow();
    await working();
    expect(told).toEqual([{ resource: null }]);
    const { 'web-1': made } = await bench.containers();
    const container = bench.docker.getContainer(made?.Id ?? '');
    // From then on it ends when it is asked to.
    await waitFor('its word', async () => (await container.logs({ stdout: true })).includes('up'));
    await container.stop({ t: 30 });
    await waitFor('the stop', () => whats().some((what) => what.endsWith('was stopped')));
    expect(new Set(told.slice(1).map(({ resource }) => resource))).toEqual(
      new Set([target.resource]),
    );
    const [kill, ...rest] = whats().map((what) => what.replace(/^container \S+ /, ''));
    expect([kill, ...rest]).toEqual(['was sent signal 15', 'exited with code 0', 'was stopped']);
  });

  test('containers of nobody, and of another Vigil, are not told of', async () => {
    follow();
    await working();
    const stranger = await bench.docker.createContainer({
      ...{ Image: 'vigil-test:1', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } },
      Labels: { 'vigil.owner': '/elsewhere', 'vigil.resource': 'shop/web' },
    });
    await stranger.remove();
    await bench.runtime.ensureRunning(bench.target());
    await waitFor('the own one', () => told.some(({ resource }) => resource !== null));
    expect(told.map(({ resource }) => resource)).not.toContain('shop/web');
  });

  test('after a break it goes on where it was, and says to look at all', async () => {
    const proxy = await createProxy(join(bench.home, 'proxy.sock'));
    try {
      await bench.runtime.ensureRunning(bench.target());
      follow(`unix://${proxy.path}`);
      await working();
      proxy.cut();
      await waitFor('the break', () => errors.length > 0);
      await waitFor('its end', () => told.filter(({ resource }) => resource === null).length === 2);
      await working();
      expect(errors).toHaveLength(1);
      const { 'web-1': made } = await bench.containers();
      await bench.docker.getContainer(made?.Id ?? '').kill();
      await waitFor('the kill', () => whats().some((what) => what.endsWith('was sent signal 9')));
    } finally {
      await watch?.close();
      await proxy.close();
    }
  });
});

interface Proxy {
  path: string;
  /** Ends every connection through it. */
  cut: () => void;
  close: () => Promise<void>;
}

async function createProxy(path: string): Promise<Proxy> {
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(dockerHost().replace('unix://', ''));
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    ...{ path, cut },
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => {
          resolve();
        });
      }),
  };
}
