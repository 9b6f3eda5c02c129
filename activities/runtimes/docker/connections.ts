import type { Container } from './containers';

/** Ports, volumes and networks of a container, as a manifest would write them. */

const ANONYMOUS = /^[0-9a-f]{64}$/;
/** What engines (Docker, Podman) call the network that nobody asked for. */
const DEFAULTS: ReadonlySet<string> = new Set([
  ...['', 'default', 'bridge', 'nat', 'podman', 'pasta', 'private', 'slirp4netns'],
]);

export function portsOf({ info }: Container): string[] {
  // Null where there are none.
  const bindings = (info.HostConfig.PortBindings ?? {}) as Record<string, Binding[] | null>;
  return Object.entries(bindings).flatMap(([inside, places]) =>
    (places ?? []).map(({ HostIp, HostPort }) => {
      const place = HostIp === undefined || HostIp === '' ? '' : `[${HostIp}]:`;
      return `${place}${HostPort}:${inside}`;
    }),
  );
}

interface Binding {
  HostIp?: string;
  HostPort: string;
}

export function volumesOf({ spec, info }: Container): string[] {
  const { Binds, Mounts } = info.HostConfig as {
    Binds?: string[] | null;
    Mounts?: { Source?: string; Target: string; ReadOnly?: boolean }[] | null;
  };
  const mounts = (Mounts ?? []).flatMap(({ Source = '', Target, ReadOnly = false }) =>
    Source === '' ? [] : [`${Source}:${Target}${ReadOnly ? ':ro' : ''}`],
  );
  return [...(Binds ?? []), ...mounts].filter(
    (volume) => spec.volumes.includes(volume) || !ANONYMOUS.test(volume.split(':')[0] ?? ''),
  );
}

/** Which those are that it was made on, and those that somebody connected it to since. */
export function networksOf({ spec, info }: Container): string[] {
  const mode = info.HostConfig.NetworkMode ?? '';
  const joined = Object.entries(joinedBy(info)).map(([name, { NetworkID }]) =>
    isId(mode) && NetworkID.startsWith(mode) ? mode : name,
  );
  // One of another's network is on none of its own, and some engines tell nothing of their default.
  const isApart = info.State.Running && !DEFAULTS.has(mode) && !mode.includes(':');
  const names = joined.length > 0 ? joined : isApart ? [] : [mode];
  return names.map((name) => (name !== spec.network && DEFAULTS.has(name) ? 'default' : name));
}

function joinedBy({ NetworkSettings }: Settings): Record<string, Joined> {
  return NetworkSettings.Networks ?? {};
}

interface Settings {
  NetworkSettings: { Networks: Record<string, Joined> | null };
}

interface Joined {
  NetworkID: string;
}

function isId(text: string): boolean {
  return /^[0-9a-f]{12,64}$/.test(text);
}
