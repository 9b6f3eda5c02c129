import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import type { ResourceKey } from '../../../domain/resource';
import type { ContainerSpec } from '../../../domain/runtime-spec';
import { LABELS, nameOf, type Role } from './containers';
import type { DockerContext } from './context';

const NANOS_PER_MS = 1_000_000;

/** A container to be made. */
export interface Making {
  resource: ResourceKey;
  replica: number;
  role: Role;
  /** Put on the container, so that it is found again. */
  key: string;
  spec: ContainerSpec;
  /** See Model. */
  imageId: string | null;
  pull: 'never' | 'missing';
  /** What it takes the place of: its anonymous volumes go on. */
  replaces?: ContainerInspectInfo;
}

/**
 * Makes a container without starting it: all that can be known to be wrong is known before anything
 * is stopped. False: its name is taken, by an earlier attempt or by a stranger.
 */
export async function createContainer(context: DockerContext, making: Making): Promise<boolean> {
  const { engine, secrets } = context;
  const image = await imageFor(context, making);
  const variables = await secrets.resolve(making.spec.env);
  const env = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return (await engine.create(optionsOf(context, making, { image, env }))) !== null;
}

/** The name of the image while it means the very image that is wanted, else that one's id. */
async function imageFor({ engine }: DockerContext, making: Making): Promise<string> {
  const { resource, imageId, pull } = making;
  const { image } = making.spec;
  if (image === null) throw new Error(`${resource} adopts a container, and makes none`);
  const present = (await engine.image(image))?.id ?? null;
  const isThere = imageId === null ? present !== null : (await engine.image(imageId)) !== null;
  if (isThere) return imageId === null || imageId === present ? image : imageId;
  if (pull === 'missing' && imageId === null) {
    await engine.pull(image);
    return image;
  }
  const which = imageId === null ? image : `${image} (${imageId})`;
  throw new Error(
    `image ${which} is not on this Docker engine: docker pull it there, correct its name, or write "pull: missing"`,
  );
}

function optionsOf(
  { home }: DockerContext,
  { resource, replica, role, key, spec, replaces }: Making,
  { image, env }: { image: string; env: string[] },
): ContainerCreateOptions {
  const { cpus, memory } = spec.resources;
  return {
    name: nameOf(resource, replica, role),
    Image: image,
    Env: env,
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    Labels: {
      ...spec.labels,
      [LABELS.resource]: resource,
      [LABELS.action]: key,
      [LABELS.owner]: home,
      [LABELS.replica]: String(replica),
      [LABELS.spec]: JSON.stringify(spec),
    },
    ...healthOf(spec),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portOf(port).inside, {}])),
    HostConfig: {
      // Whether and when to start again is for policies to say.
      RestartPolicy: { Name: 'no' },
      Binds: [...spec.volumes, ...anonymousVolumes(replaces, spec.volumes)],
      PortBindings: bindingsOf(spec.ports),
      ...(spec.network === null ? {} : { NetworkMode: spec.network }),
      ...(cpus === null ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(memory === null ? {} : { Memory: memory }),
    },
  };
}

function healthOf({ health }: ContainerSpec): Pick<ContainerCreateOptions, 'Healthcheck'> {
  if (health === null) return {};
  return {
    Healthcheck: {
      Test: ['CMD', ...health.command],
      Interval: health.interval * NANOS_PER_MS,
      Timeout: health.timeout * NANOS_PER_MS,
      Retries: health.retries,
      StartPeriod: health.startPeriod * NANOS_PER_MS,
    },
  };
}

function bindingsOf(
  ports: readonly string[],
): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const { inside, address, outside } = portOf(port);
    bindings[inside] = [...(bindings[inside] ?? []), { HostIp: address, HostPort: outside }];
  }
  return bindings;
}

/** `127.0.0.1:8080:80/udp` → its parts. */
function portOf(text: string): { address: string; outside: string; inside: string } {
  const [places = '', protocol = 'tcp'] = text.split('/');
  const [, address = '', outside = '', inside = ''] = /^(?:(.+):)?(\d+):(\d+)$/.exec(places) ?? [];
  return { address: address.replaceAll(/[[\]]/g, ''), outside, inside: `${inside}/${protocol}` };
}

/** Data that an image declared a volume for, and the manifest did not name, stays with its replica. */
function anonymousVolumes(
  replaced: ContainerInspectInfo | undefined,
  volumes: readonly string[],
): string[] {
  const taken = new Set(volumes.map((volume) => volume.split(':')[1]));
  return (replaced?.Mounts ?? [])
    .filter(({ Type, Name = '' }) => Type === 'volume' && /^[0-9a-f]{64}$/.test(Name))
    .filter(({ Destination }) => !taken.has(Destination))
    .map(({ Name, Destination }) => `${Name ?? ''}:${Destination}`);
}
