/** Ports, volumes, network and health check: what changes of them is drift, and one swap puts it right. */
import type { ContainerInspectInfo } from 'dockerode';
import { networksOf, portsOf, volumesOf } from '../../../../activities/runtimes/docker/connections';
import type { Container } from '../../../../activities/runtimes/docker/containers';
import type { RuntimeTarget } from '../../../../domain/action/runtime';
import { driftOf } from '../../../../domain/drift/diff';
import { describeWithDocker } from '../../../support/docker-engine';
import { createBench, goOn, ignoring, SLEEPER, type Bench } from './support';

let bench: Bench;

async function drift(target: RuntimeTarget): Promise<string[]> {
  const observed = await bench.runtime.observe(target);
  return driftOf(target.spec, observed, { sha256: () => '' }).map(({ pointer }) => pointer);
}

async function sync(target: RuntimeTarget, key: string): Promise<void> {
  const asked = await bench.request(target, 'sync', { key });
  await bench.runtime.execute(asked, goOn);
}

async function only(): Promise<ContainerInspectInfo> {
  const [container, ...others] = Object.values(await bench.containers());
  if (container === undefined || others.length > 0) throw new Error('not one container');
  return container;
}

describeWithDocker('what a container is connected to', () => {
  beforeEach(() => {
    bench = createBench();
  });
  afterEach(() => bench.tearDown());

  test.each<[string, Record<string, unknown>, Record<string, unknown>, string[]]>([
    ['a port', { ports: ['127.0.0.1:18080:80'] }, { ports: ['18081:80', '[::1]:53:53/udp'] }, []],
    ['a port that goes', { ports: ['18080:80'] }, {}, ['/ports']],
    ['a volume', {}, { volumes: ['/tmp:/data:ro'] }, ['/volumes']],
    ['how a volume may be used', { volumes: ['/tmp:/x'] }, { volumes: ['/tmp:/x:ro'] }, []],
    ['the network', { network: 'none' }, { network: 'host' }, ['/network']],
    [
      'a health check',
      {},
      { health: { command: ['true'], interval: '100ms' } },
      ['command', 'interval', 'retries', 'timeout'].map((name) => `/healthCheck/${name}`),
    ],
    [
      'a health check that goes',
      { health: { command: ['true'], interval: '100ms', startPeriod: '1s' } },
      {},
      ['command', 'interval', 'retries', 'startPeriod', 'timeout'].map(
        (name) => `/healthCheck/${name}`,
      ),
    ],
    [
      "a check's interval",
      { health: { command: ['true'], interval: '100ms' } },
      { health: { command: ['true'], interval: '200ms' } },
      ['/healthCheck/interval'],
    ],
  ])('%s that the manifest changes is drift, and one sync puts it right', async (...row) => {
    const [, before, after, pointers] = row;
    await bench.runtime.ensureRunning(bench.target(before));
    expect(await drift(bench.target(before))).toEqual([]);
    const target = bench.target(after);
    const expected = pointers.length > 0 ? pointers : Object.keys(after).map((key) => `/${key}`);
    expect(await drift(target)).toEqual(expected);
    await sync(target, 'first/0');
    expect(await drift(target)).toEqual([]);
    const { Id } = await only();
    await sync(target, 'second/0');
    expect((await only()).Id).toBe(Id);
  });

  test('by hand, too: a container that was made anew without its port and on another network', async () => {
    const target = bench.target({ ports: ['127.0.0.1:18080:80'], volumes: ['/tmp:/data'] });
    await bench.runtime.ensureRunning(target);
    const { Id, Name, Config } = await only();
    await bench.docker.getContainer(Id).remove({ force: true });
    const { Image, Cmd, Labels } = Config;
    const made = await bench.docker.createContainer({
      ...{ name: Name.slice(1), Image, Cmd, Labels },
      HostConfig: {
        NetworkMode: 'host',
        Mounts: [{ Type: 'bind', Source: '/tmp', Target: '/data' }],
      } as object,
    });
    await made.start();
    expect(await drift(target)).toEqual(['/network', '/ports']);
    await sync(target, 'first/0');
    expect(await drift(target)).toEqual([]);
  });

  test("what an image declares is nobody's drift, and is kept by a swap", async () => {
    const { id } = await bench.docker.createContainer({ Image: 'vigil-test:1', Cmd: ['true'] });
    const changes = ['VOLUME /kept', 'HEALTHCHECK --interval=1s CMD true', 'EXPOSE 80'].join('\n');
    await bench.docker.getContainer(id).commit({ repo: 'vigil-test', tag: 'declares', changes });
    await bench.docker.getContainer(id).remove();
    const image = { image: 'vigil-test:declares' };
    await bench.runtime.ensureRunning(bench.target(image));
    expect(await drift(bench.target(image))).toEqual([]);
    const target = bench.target({ ...image, labels: { team: 'shop' } });
    await sync(target, 'first/0');
    expect(await drift(target)).toEqual([]);
    const { Mounts, Config } = await only();
    expect(Mounts).toMatchObject([{ Type: 'volume', Destination: '/kept' }]);
    expect(Config.Healthcheck).toMatchObject({ Interval: 1e9 });
  });
});

describeWithDocker("a network that is written by id, and another's", () => {
  beforeEach(() => {
    bench = createBench();
  });
  afterEach(() => bench.tearDown());

  async function web(): Promise<ContainerInspectInfo> {
    const found = (await bench.containers())['web-1'];
    if (found === undefined) throw new Error('there is no container');
    return found;
  }

  async function peer(name: string): Promise<string> {
    const made = await bench.docker.createContainer({
      ...{ name, Image: 'vigil-test:1', Cmd: SLEEPER },
      Labels: { 'vigil.owner': bench.home },
      HostConfig: { NetworkMode: 'none' },
    });
    await made.start();
    return made.id;
  }

  test("another's is no drift by its name, is kept by a swap, and differs once that was made anew", async () => {
    const name = `peer-of-${bench.target().resource.split('/')[0] ?? ''}`;
    const [first, network] = [await peer(name), `container:${name}`];
    await bench.runtime.ensureRunning(bench.target({ network }));
    expect((await web()).HostConfig.NetworkMode).toBe(`container:${first}`);
    expect(await drift(bench.target({ network }))).toEqual([]);
    const target = bench.target({ network, labels: { team: 'shop' } });
    await sync(target, 'a/0');
    expect((await web()).Config.Labels).toMatchObject({ team: 'shop' });
    await bench.docker.getContainer(first).remove({ force: true });
    const second = await peer(name);
    expect(await drift(target)).toEqual(['/network']);
    await sync(target, 'b/0');
    expect((await web()).HostConfig.NetworkMode).toBe(`container:${second}`);
    expect(await drift(target)).toEqual([]);
  });

  test('by id it is no drift, and is kept by a swap', async () => {
    const { Id } = await bench.docker.getNetwork(await bench.network('app')).inspect();
    const network = Id.slice(0, 12);
    await bench.runtime.ensureRunning(bench.target({ network }));
    expect(await drift(bench.target({ network }))).toEqual([]);
    const target = bench.target({ network, labels: { team: 'shop' } });
    await sync(target, 'a/0');
    expect((await web()).Config.Labels).toMatchObject({ team: 'shop' });
    expect(await drift(target)).toEqual([]);
  });
});

describeWithDocker('what of a connection is ignored', () => {
  beforeEach(() => {
    bench = createBench();
  });
  afterEach(() => bench.tearDown());

  test('a service that somebody connected to another network stays on its own', async () => {
    const [web, admin] = [await bench.network('web'), await bench.network('admin')];
    await bench.runtime.ensureRunning(bench.target({ network: web }));
    const { Id } = await only();
    await bench.docker.getNetwork(admin).connect({ Container: Id });
    expect(await drift(bench.target({ network: web }))).toEqual(['/network']);
    await sync(await ignoring(bench.runtime, bench.target({ network: web }), '/network'), 'a/0');
    expect((await only()).Id).toBe(Id);
    const labelled = bench.target({ network: web, labels: { team: 'shop' } });
    await sync(await ignoring(bench.runtime, labelled, '/network'), 'b/0');
    const { Config, HostConfig } = await only();
    expect(Config.Labels).toMatchObject({ team: 'shop' });
    expect(HostConfig.NetworkMode).toBe(web);
  });

  test('ports and volumes are asked for again as they were written, not as they are compared', async () => {
    const written = { ports: ['18081:80/tcp'], volumes: ['/tmp:/data:Z'] };
    await bench.runtime.ensureRunning(bench.target(written));
    const { Id } = await only();
    const ignored = (more: object): Promise<RuntimeTarget> =>
      ignoring(
        bench.runtime,
        bench.target({ volumes: ['/tmp:/data'], ...more }),
        ...['/ports', '/volumes'],
      );
    await sync(await ignored({ replicas: 2 }), 'a/0');
    const { 'web-1': first, 'web-2': second } = await bench.containers();
    expect(first?.Id).toBe(Id);
    expect(second?.HostConfig.Binds).toEqual(['/tmp:/data']);
    await sync(await ignored({ labels: { team: 'shop' } }), 'b/0');
    const { Config, HostConfig } = await only();
    expect(Config.Labels).toMatchObject({ team: 'shop' });
    expect(HostConfig.Binds).toEqual(written.volumes);
    expect(HostConfig.PortBindings).toMatchObject({ '80/tcp': [{ HostPort: '18081' }] });
  });

  test('also of a container that does not run', async () => {
    await bench.runtime.ensureRunning(bench.target({ ports: ['18082:80'] }));
    await bench.docker.getContainer((await only()).Id).kill();
    const target = bench.target({ ports: ['18083:80'] });
    await sync(await ignoring(bench.runtime, target, '/ports'), 'a/0');
    const { HostConfig, State } = await only();
    expect(State.Running).toBe(true);
    expect(HostConfig.PortBindings).toMatchObject({ '80/tcp': [{ HostPort: '18082' }] });
  });

  test('a part of a health check, too', async () => {
    const before = { command: ['true'], interval: '100ms', retries: 5 };
    await bench.runtime.ensureRunning(bench.target({ health: before }));
    const wanted = { command: ['test', '-d', '/'], interval: '200ms' };
    const left = ['/healthCheck/command', '/healthCheck/retries'];
    const target = bench.target({ health: wanted });
    await sync(await ignoring(bench.runtime, target, ...left), 'a/0');
    expect((await only()).Config.Healthcheck).toMatchObject({
      ...{ Test: ['CMD', 'true'], Interval: 2e8, Retries: 5 },
    });
    await sync(await ignoring(bench.runtime, target, '/healthCheck/*'), 'b/0');
    const { Id } = await only();
    await sync(await ignoring(bench.runtime, bench.target(), '/healthCheck/*'), 'c/0');
    expect((await only()).Id).toBe(Id);
  });
});

interface Inspected {
  mode: string;
  networks?: Record<string, string> | null;
  isRunning?: boolean;
  wasStarted?: boolean;
}

function container(
  spec: object,
  { mode, networks = {}, isRunning = true, wasStarted = true }: Inspected,
  host: object = {},
): Container {
  const joined = Object.entries(networks ?? {}).map(([name, NetworkID]) => [name, { NetworkID }]);
  const info = {
    State: { Running: isRunning },
    HostConfig: { NetworkMode: mode, PortBindings: null, Binds: null, ...host },
    NetworkSettings: {
      Networks: networks === null ? null : (Object.fromEntries(joined) as object),
    },
  };
  return {
    spec: { network: null, volumes: [], ...spec },
    info,
    wasStarted,
  } as unknown as Container;
}

const ID = '0123456789abcdef'.repeat(4);

test.each<[string, object, Inspected, string[]]>([
  ['Docker, without any', {}, { mode: 'bridge', networks: { bridge: ID } }, ['default']],
  ['rootless Podman, without any', {}, { mode: 'pasta', networks: null }, ['default']],
  ['Podman, without any', {}, { mode: 'bridge', networks: { podman: ID } }, ['default']],
  ['Podman, by name', { network: 'app' }, { mode: 'bridge', networks: { app: ID } }, ['app']],
  [
    'by id',
    { network: ID.slice(0, 12) },
    { mode: ID.slice(0, 12), networks: { app: ID } },
    [ID.slice(0, 12)],
  ],
  [
    "another's, which is there",
    { network: 'container:x' },
    { mode: `container:${ID}` },
    ['container:x'],
  ],
  [
    "another's, which was made anew since",
    { network: 'container:x' },
    { mode: 'container:old' },
    ['container:old'],
  ],
  [
    "another's, which is gone",
    { network: 'container:gone' },
    { mode: `container:${ID}` },
    ['container:gone'],
  ],
  [
    'by id, made and not yet started',
    { network: ID.slice(0, 12) },
    {
      ...{ mode: ID.slice(0, 12), networks: { app: '' }, isRunning: false },
      wasStarted: false,
    },
    [ID.slice(0, 12)],
  ],
  [
    'connected by hand',
    { network: 'app' },
    { mode: 'app', networks: { app: ID, b: 'b' } },
    ['app', 'b'],
  ],
  ['disconnected by hand', { network: 'app' }, { mode: 'app' }, []],
  ['not yet started', { network: 'app' }, { mode: 'app', isRunning: false }, ['app']],
])('networks: %s', (_, spec, inspected, names) => {
  const peers = new Map([
    ['x', ID],
    ['gone', null],
  ]);
  expect(networksOf(container(spec, inspected), peers)).toEqual(names);
});

test("anonymous volumes are nobody's, unless the manifest names them; no ports are none", () => {
  const host = { Binds: [`${ID}:/kept`, '/srv:/srv'] };
  expect(volumesOf(container({}, { mode: '' }, host))).toEqual(['/srv:/srv']);
  const named = { volumes: [`${ID}:/kept`] };
  expect(volumesOf(container(named, { mode: '' }, host))).toEqual(host.Binds);
  expect(portsOf(container({}, { mode: '' }))).toEqual([]);
});
