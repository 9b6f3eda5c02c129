import type { RuntimeCatalogue } from '../../domain/action/runtime';
import type { Approvers } from '../../domain/approvers';
import { implicitGroup, type Group } from '../../domain/group';
import type { Policy, PolicyTarget, Share } from '../../domain/policy/policy';
import { indexTargets, type TargetCandidate } from '../../domain/policy/targets';
import {
  memberKey,
  memberScope,
  parseResourceKey,
  resourceKey,
  type ResourceKey,
} from '../../domain/resource';
import type { CompiledManifest } from '../manifest/compile';

/** What is said of one object in the light of all others; `field` is a path in its spec. */
export interface Remark {
  severity: 'error' | 'warning';
  field: string;
  message: string;
}

/** A resource that a Service of the set makes. */
export type KnownResource = TargetCandidate & { key: ResourceKey; made: CompiledManifest };

/** A set of manifests, as the rules look at it. */
export interface Whole {
  catalogue: readonly RuntimeCatalogue[];
  services: readonly CompiledManifest[];
  resources: readonly KnownResource[];
  meantBy: (policy: Pick<Policy, 'namespace' | 'target'>) => KnownResource[];
  /** Keys of Services and of the resources they make. */
  keys: ReadonlySet<string>;
  /** Keys of Services that a Service's key needs; of those that need any. */
  needs: ReadonlyMap<string, readonly string[]>;
  /** Keys of Services whose needs lead into a circle. */
  circular: ReadonlySet<string>;
  /** What was said of a key that nobody makes, so that it is looked for once. */
  unknown: Map<string, string>;
  /** By key. */
  groups: ReadonlyMap<string, Group>;
  approvers: ReadonlyMap<string, Approvers>;
}

export function wholeOf(
  objects: readonly CompiledManifest[],
  catalogue: readonly RuntimeCatalogue[],
): Whole {
  const services = objects.filter(({ service }) => service !== null);
  const resources = services.flatMap(resourcesOf);
  const needs = needsOf(services);
  const keys = new Set(resources.map(({ key }) => key));
  for (const one of services) if (hostsOf(one).length > 0) keys.add(keyOf(one));
  return {
    catalogue,
    services,
    resources,
    meantBy: indexTargets(resources),
    keys,
    needs,
    circular: circularIn(needs),
    unknown: new Map(),
    groups: new Map([...hostGroups(services), ...keyed<Group>(objects, 'Group')]),
    approvers: keyed<Approvers>(objects, 'Approvers'),
  };
}

/** Few of a large fleet need anything. */
function needsOf(services: readonly CompiledManifest[]): Map<string, string[]> {
  const needs = new Map<string, string[]>();
  for (const one of services) {
    const needed = one.service?.dependsOn ?? [];
    if (needed.length > 0) needs.set(keyOf(one), needed.map(memberScope));
  }
  return needs;
}

/** What is left once everything is taken away, again and again, that needs nothing which is left. */
function circularIn(needs: ReadonlyMap<string, readonly string[]>): Set<string> {
  const left = new Map([...needs].map(([key, of]) => [key, of.filter((one) => needs.has(one))]));
  const neededBy = new Map<string, string[]>([...needs.keys()].map((key) => [key, []]));
  for (const [key, of] of left) for (const one of of) neededBy.get(one)?.push(key);
  const waits = new Map([...left].map(([key, of]) => [key, of.length]));
  const free = [...waits].filter(([, count]) => count === 0).map(([key]) => key);
  for (const key of free) {
    left.delete(key);
    for (const other of neededBy.get(key) ?? []) {
      const count = (waits.get(other) ?? 0) - 1;
      waits.set(other, count);
      if (count === 0) free.push(other);
    }
  }
  return new Set(left.keys());
}

/** Of Services on several hosts; a Group of the same key takes their place. */
function hostGroups(services: readonly CompiledManifest[]): [string, Group][] {
  return services
    .filter((one) => hostsOf(one).length > 0)
    .map((one) => [keyOf(one), implicitGroup(one.namespace, one.name)]);
}

function hostsOf({ service }: CompiledManifest): readonly string[] {
  return service?.hosts ?? NONE;
}

const NONE: readonly string[] = [];

function keyed<D extends Group | Approvers>(
  objects: readonly CompiledManifest[],
  kind: CompiledManifest['kind'],
): Map<string, D> {
  const found = objects.filter((object) => object.kind === kind);
  return new Map(found.map((object) => [keyOf(object), object.definition as D]));
}

export function keyOf({ namespace, name }: Pick<CompiledManifest, 'namespace' | 'name'>): string {
  return resourceKey(namespace, name);
}

/** The resources a Service makes, as far as targets look at them. */
function resourcesOf(made: CompiledManifest): KnownResource[] {
  const { namespace, name, labels } = made;
  const hosts = hostsOf(made);
  if (hosts.length === 0)
    return [{ key: resourceKey(namespace, name), made, namespace, name, service: name, labels }];
  return hosts.map((host) => {
    const key = memberKey(namespace, name, host);
    return { key, made, namespace, name: parseResourceKey(key).name, service: name, labels };
  });
}

export function targetsOf(
  whole: Whole,
  selector: Pick<Policy, 'namespace' | 'target'> | { namespace: string; members: PolicyTarget },
): KnownResource[] {
  const { namespace } = selector;
  const target = 'target' in selector ? selector.target : selector.members;
  return whole.meantBy({ namespace, target });
}

/** Said once Services are at hand, and none of them is meant. */
export function nobodyMeant(whole: Whole, field: string, whose: string): Remark[] {
  if (whole.services.length === 0) return [];
  const message = `${whose} none of the Services that were checked with it`;
  return [{ severity: 'warning', field, message }];
}

/** 40 % of 1 = 0: it would never act. */
export function roundedToNothing(
  share: Share | undefined,
  { field, total }: { field: string; total: number },
): Remark[] {
  if (share?.kind !== 'percent' || total === 0) return [];
  const { percent } = share;
  if (Math.floor((percent * total) / 100) >= 1) return [];
  const enough = Math.ceil(100 / total);
  const message = `${field}: ${percent} % of ${total} = 0: never heals; write at least ${enough}%, or a number`;
  return [{ severity: 'error', field, message }];
}
