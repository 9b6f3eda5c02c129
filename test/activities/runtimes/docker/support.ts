import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { ContainerInspectInfo } from 'dockerode';
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import { DOCKER_SCHEMA } from '../../../../activities/runtimes/docker/spec';
import type { ExecuteRequest, Runtime, RuntimeTarget } from '../../../../domain/action/runtime';
import { repairSpec, settledOf } from '../../../../domain/drift/repair';
import type { StepParams } from '../../../../domain/policy/policy';
import type { ServiceSpec } from '../../../../domain/resource';
import { dockerAt, dockerHost } from '../../../support/docker-engine';

/** Runs until it is told to end, and then ends at once, which a shell as pid 1 does not by itself. */
export const SLEEPER = ['sh', '-c', 'trap "exit 0" TERM; echo up; sleep 1000 & wait'];
export const KEY = '0b5e5c1e-0000-4000-8000-000000000001/0';
export const goOn = new AbortController().signal;

export interface Bench {
  home: string;
  docker: Docker;
  runtime: Runtime;
  /** `overrides` of `spec.runtime` as written in a manifest, and of the service part. */
  target: (
    written?: Record<string, unknown>,
    service?: Partial<Omit<ServiceSpec, 'runtime'>>,
  ) => RuntimeTarget;
  request: (
    target: RuntimeTarget,
    action: string,
    given?: { params?: StepParams; key?: string },
  ) => Promise<ExecuteRequest>;
  /** Makes a network that ends with the bench; its name is this bench's own. */
  network: (name: string) => Promise<string>;
  /** What the engine itself has of this bench: by name, whatever their state. */
  containers: () => Promise<Record<string, ContainerInspectInfo>>;
  /** Events of this bench's containers that the engine recorded, in their order. */
  events: (action: string) => Promise<string[]>;
  tearDown: () => Promise<void>;
}

/** The target whose manifest ignores these, as the workflow makes it before a step. */
export async function ignoring(
  runtime: Runtime,
  target: RuntimeTarget,
  ...paths: string[]
): Promise<RuntimeTarget> {
  const rules = { ignore: paths.map((path) => ({ path })), owners: [], severity: [] };
  const spec = { ...target.spec, drift: rules };
  const observed = await runtime.observe({ ...target, spec });
  const settled = settledOf(spec, observed, {});
  return { ...target, settled, spec: repairSpec(spec, observed, {}) };
}

/** A home of its own; its containers are removed by tearDown. */
export function createBench(): Bench {
  const home = mkdtempSync(join(tmpdir(), 'vigil-docker-'));
  const docker = dockerAt(dockerHost());
  const runtime = createDockerRuntime({ home, now: () => Date.now(), socket: dockerHost() });
  const since = Date.now() / 1000 - 1;
  const own = { label: [`vigil.owner=${home}`] };

  const target: Bench['target'] = (written = {}, service = {}) => ({
    resource: `${home.split('-').at(-1)?.toLowerCase() ?? ''}/web`,
    spec: {
      ...{ hosts: [], labels: {}, healthCheck: null, config: [] },
      sync: { mode: 'heal', cooldownMs: 0 },
      ...service,
      runtime: DOCKER_SCHEMA.parse({
        ...{ type: 'docker', network: 'none', command: SLEEPER, stopTimeout: '2s' },
        ...{
          runningFor: '100ms',
          ...(written['adopt'] === undefined && { image: 'vigil-test:1' }),
        },
        ...written,
      }),
    },
  });

  return {
    ...{ home, docker, runtime, target },
    async request(given, action, { params = {}, key = KEY } = {}) {
      const step = { action, params };
      return { key, step, target: given, snapshot: await runtime.inspect(given, step) };
    },
    async network(name) {
      const Name = `${home.split('-').at(-1) ?? ''}-${name}`;
      await docker.createNetwork({ Name, Internal: true, Labels: { 'vigil.owner': home } });
      return Name;
    },
    async containers() {
      const found = await docker.listContainers({ all: true, filters: own });
      const infos = await Promise.all(found.map(({ Id }) => docker.getContainer(Id).inspect()));
      const named = infos.map((info) => [info.Name.replace(/^\/vigil-[^-]*-/, ''), info] as const);
      return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    async events(action) {
      const stream = await docker.getEvents({
        ...{ since, until: Date.now() / 1000 + 0.001 },
        filters: { ...own, event: [action] },
      });
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
      const lines = Buffer.concat(chunks).toString('utf8').split('\n');
      return lines
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { id: string }).id);
    },
    async tearDown() {
      const found = await docker.listContainers({ all: true, filters: own });
      const ending = { force: true, v: true };
      await Promise.all(found.map(({ Id }) => docker.getContainer(Id).remove(ending)));
      const networks = await docker.listNetworks({ filters: own });
      await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove()));
      rmSync(home, { recursive: true, force: true });
    },
  };
}
