import type { ContainerInspectInfo } from 'dockerode';
import type { ExecuteRequest } from '../../../domain/action/runtime';
import { parseResourceKey, type ResourceKey } from '../../../domain/resource';
import type { ContainerSpec } from '../../../domain/runtime-spec';
import type { DockerContext } from './context';

/**
 * How a container is known to be Vigil's. A label cannot be changed once its container is there:
 * `action` is the step that made it.
 */
export const LABELS = {
  /** `namespace/name`. */
  resource: 'vigil.resource',
  /** `<action uuid>/<step>`, or `start` for one that no action made. */
  action: 'vigil.action',
  /** Absolute path of the home of the Vigil that made it: two on one engine never mix. */
  owner: 'vigil.owner',
  /** Its number in the set, from 1. */
  replica: 'vigil.replica',
  /** The ContainerSpec it was made from, as JSON; secret references stay references. */
  spec: 'vigil.spec',
} as const;

/**
 * `current`: the replica itself. `next`: made by a swap that has not ended, or never did.
 * `failed`: what a swap put away because it did not become healthy. The name says which, because a
 * name is what the engine changes atomically.
 */
export type Role = 'current' | 'next' | 'failed';

export interface Container {
  id: string;
  name: string;
  role: Role;
  replica: number;
  /** Key of the step that made it. */
  key: string;
  spec: ContainerSpec;
  isRunning: boolean;
  isPaused: boolean;
  /** It ran once; what was only created did not. */
  wasStarted: boolean;
  /** `<id>@<StartedAt>`: changes with every start. */
  identity: string;
  info: ContainerInspectInfo;
}

/** Of one resource, by number. */
export interface ReplicaSet {
  /** One of each number. */
  current: Container[];
  /** What somebody made by hand with the number of another. */
  extra: Container[];
  next: Container[];
  failed: Container[];
}

const NEVER = '0001-01-01T00:00:00Z';

/** `vigil-<namespace>-<name>-<n>`; for people and for the role, never to find out whose it is. */
export function nameOf(resource: ResourceKey, replica: number, role: Role = 'current'): string {
  const { namespace, name } = parseResourceKey(resource);
  const base = `vigil-${namespace}-${name}-${replica}`.replaceAll(/[^a-zA-Z0-9_.-]/g, '_');
  return role === 'current' ? base : `${base}-${role}`;
}

/** All containers of the resource that this Vigil made. */
export async function readSet(
  { engine, home }: DockerContext,
  resource: ResourceKey,
): Promise<ReplicaSet> {
  const ids = await engine.list([`${LABELS.resource}=${resource}`, `${LABELS.owner}=${home}`]);
  // Between the list and the look one may go.
  const infos = await Promise.all(ids.map((id) => engine.inspect(id)));
  const containers = infos
    .flatMap((info) => (info === null ? [] : [toContainer(info)]))
    .sort((a, b) => a.replica - b.replica);
  const having = (role: Role): Container[] => containers.filter((one) => one.role === role);
  const current = onePerNumber(resource, having('current'));
  const extra = having('current').filter((one) => !current.includes(one));
  return { current, extra, next: having('next'), failed: having('failed') };
}

/** The name is what two cannot have at once. */
function onePerNumber(resource: ResourceKey, containers: readonly Container[]): Container[] {
  const byNumber = new Map<number, Container>();
  for (const one of containers) {
    const isRightful = one.name === nameOf(resource, one.replica);
    if (isRightful || !byNumber.has(one.replica)) byNumber.set(one.replica, one);
  }
  return [...byNumber.values()];
}

function toContainer(info: ContainerInspectInfo): Container {
  const labels = info.Config.Labels;
  const name = info.Name.replace(/^\//, '');
  return {
    id: info.Id,
    name,
    role: roleOf(name),
    replica: Number(labels[LABELS.replica]),
    key: labels[LABELS.action] ?? '',
    spec: JSON.parse(labels[LABELS.spec] ?? '{}') as ContainerSpec,
    isRunning: info.State.Running,
    isPaused: info.State.Paused,
    wasStarted: info.State.StartedAt !== NEVER,
    identity: incarnationOf(info),
    info,
  };
}

function roleOf(name: string): Role {
  if (/-\d+-next$/.test(name)) return 'next';
  return /-\d+-failed$/.test(name) ? 'failed' : 'current';
}

/** What changes whenever the container is another one, or is started again. */
export function incarnationOf(info: ContainerInspectInfo): string {
  return `${info.Id.slice(0, 12)}@${info.State.StartedAt}`;
}

/** Identity of a set: of all replicas that run, in a fixed order; null: none does. */
export function identityOf(containers: readonly Container[]): string | null {
  const running = containers.filter(({ isRunning }) => isRunning).map(({ identity }) => identity);
  return running.length === 0 ? null : running.sort().join(',');
}

/** Since the snapshot somebody else replaced or started a container: what was decided no longer applies. */
class TargetChangedError extends Error {
  override name = 'TargetChangedError';
}

/** Throws when something runs that neither the snapshot shows nor a step of this action brought about. */
export function refuseIfChanged(
  { target, snapshot, key }: ExecuteRequest,
  { current, next, failed }: ReplicaSet,
): void {
  const known = new Set(snapshot.identity?.split(','));
  const isOurs = (one: Container): boolean => one.key === key || one.key === stepKeyOf(key);
  // Where a swap of ours was given up, the old container was started again.
  const touched = new Set([...next, ...failed].filter(isOurs).map(({ replica }) => replica));
  const strangers = current.filter(
    (one) => one.isRunning && !known.has(one.identity) && !isOurs(one) && !touched.has(one.replica),
  );
  if (strangers.length === 0) return;
  throw targetChanged(target.resource, { from: snapshot.identity, to: identityOf(strangers) });
}

export function targetChanged(
  resource: ResourceKey,
  { from, to }: { from: string | null; to: string | null },
): Error {
  return new TargetChangedError(
    `target changed: ${resource} is now ${to ?? 'not running'}, and was ${from ?? 'not running'} when it was inspected`,
  );
}

/** The key of the step that `<key>/restore` undoes; any other key is itself. */
function stepKeyOf(key: string): string {
  return key.replace(/\/restore$/, '');
}

export function isRestore({ key }: ExecuteRequest): boolean {
  return key.endsWith('/restore');
}

/** The environment that a container was made with, values and all. */
export function variablesOf({ Config }: ContainerInspectInfo): Map<string, string> {
  // Null where neither the image nor the manifest names any.
  const pairs = (Config.Env as string[] | null) ?? [];
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
