import type { Container } from './containers';
import type { Engine } from './engine';

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

const PEER = 'container:';

/**
 * By name or id of a container whose network another one was made to share, its id; null: there is
 * none by now.
 */
export type Peers = ReadonlyMap<string, string | null>;

/** Engines put an id in the place of a name, which may mean another container by now. */
export async function peersOf(engine: Engine, containers: readonly Container[]): Promise<Peers> {
  const wanted = new Set(containers.flatMap(({ spec }) => peerIn(spec.network ?? '') ?? []));
  const found = await Promise.all(
    [...wanted].map(async (peer) => [peer, (await engine.inspect(peer))?.Id ?? null] as const),
  );
  return new Map(found);
}

function peerIn(mode: string): string | null {
  return mode.startsWith(PEER) ? mode.slice(PEER.length) : null;
}

/** Which those are that it was made on, and those that somebody connected it to since. */
export function networksOf({ spec, info, wasStarted }: Container, peers: Peers): string[] {
  const mode = modeOf(info.HostConfig.NetworkMode ?? '', { asked: spec.network, peers });
  // Before its first start, nothing tells the id of the network that it will be on.
  const isMode = (id: string): boolean =>
    isId(mode) && (id === '' ? !wasStarted : id.startsWith(mode));
  const joined = Object.entries(joinedBy(info)).map(([name, { NetworkID }]) =>
    isMode(NetworkID) ? mode : name,
  );
  // One of another's network is on none of its own, and some engines tell nothing of their default.
  const isApart = info.State.Running && !DEFAULTS.has(mode) && !mode.includes(':');
  const names = joined.length > 0 ? joined : isApart ? [] : [mode];
  return names.map((name) => (name !== spec.network && DEFAULTS.has(name) ? 'default' : name));
}

/** What was asked for, where the mode means that: also where nobody can tell, because its peer is gone. */
function modeOf(mode: string, { asked, peers }: { asked: string | null; peers: Peers }): string {
  const [present, wanted] = [peerIn(mode), peerIn(asked ?? '')];
  if (asked === null || present === null || wanted === null) return mode;
  const id = peers.get(wanted) ?? null;
  return id === null || id === present ? asked : mode;
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
