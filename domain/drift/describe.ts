import type { ResourceKey, ServiceSpec } from '../resource';
import type { RuntimeSpec } from '../runtime-spec';
import type { Change, FactValue } from './change';
import { CONTAINER_GROUPS } from './container-facts';
import { groupOf, leafOf } from './normalise';
import { tidyPath } from './paths';

/** What drift means, for people. */
export interface DriftDescription {
  /** One sentence per change, in their order. */
  sentences: string[];
  /** Resources that need this one, directly or through others, by name. */
  impact: ResourceKey[];
  recommended: Recommendation;
}

export interface Recommendation {
  /** The step that repairs it; `nothing`: no step of Vigil's does. */
  step: 'start' | 'sync' | 'nothing';
  why: string;
}

/** @param dependsOn of every resource that needs others: which */
export function describeDrift(
  { resource, spec }: { resource: ResourceKey; spec: ServiceSpec },
  changes: readonly Change[],
  dependsOn: ReadonlyMap<ResourceKey, readonly ResourceKey[]>,
): DriftDescription {
  return {
    sentences: changes.map(sentenceOf),
    impact: impactOf(resource, dependsOn),
    recommended: recommend(spec, changes),
  };
}

/** `runs image web:1.2, desired web:1.3`. */
export function sentenceOf({
  pointer,
  kind,
  desired,
  observed,
}: Pick<Change, 'pointer' | 'kind' | 'desired' | 'observed'>): string {
  if (pointer === '/running') {
    return observed === null
      ? 'was never started here, and should run'
      : 'does not run, and should';
  }
  const name = nameOf(pointer);
  switch (kind) {
    case 'missing':
      return isSum(pointer)
        ? `${name} is missing`
        : `${name} is missing, desired ${shown(pointer, desired)}`;
    case 'extra':
      return `${name} is ${shown(pointer, observed)}, and the manifest has none`;
    case 'changed':
    case 'version':
      return isSum(pointer)
        ? `${name} has other content than desired`
        : `${verbOf(pointer)} ${shown(pointer, observed)}, desired ${shown(pointer, desired)}`;
  }
}

function isSum(pointer: string): boolean {
  return groupOf(pointer) === 'config';
}

function verbOf(pointer: string): string {
  switch (groupOf(pointer)) {
    case 'image':
      return 'runs image';
    case 'command':
      return 'runs command';
    case 'replicas':
      return 'runs';
    case 'version':
      return 'is of version';
    case 'ports':
      return 'publishes ports';
    case 'network':
      return 'is on network';
    default:
      return `has ${nameOf(pointer)}`;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  env: 'variable',
  labels: 'label',
  config: 'file',
  'config-mode': 'mode of file',
  'config-owner': 'owner of file',
  ports: 'list of ports',
  volumes: 'list of volumes',
};

export function nameOf(pointer: string): string {
  const [group, leaf] = [groupOf(pointer), leafOf(pointer)];
  if (group === 'resources') return `limit of ${leaf}`;
  if (group === 'healthCheck') return `${leaf} of health check`;
  const name = NAMES[group] ?? group;
  return leaf === '' ? name : `${name} ${leaf}`;
}

const TIMES: ReadonlySet<string> = new Set(
  ['interval', 'timeout', 'startPeriod'].map((name) => `/healthCheck/${name}`),
);
const GIB = 2 ** 30;
const MIB = 2 ** 20;

export function shown(pointer: string, value: FactValue | null): string {
  if (value === null) return 'none';
  if (typeof value === 'object') return value.map(word).join(' ');
  if (typeof value !== 'number') return String(value);
  if (TIMES.has(pointer)) return `${value} ms`;
  if (pointer === '/replicas') return value === 1 ? '1 replica' : `${value} replicas`;
  if (pointer !== '/resources/memory') return String(value);
  if (value >= GIB && value % GIB === 0) return `${value / GIB}Gi`;
  return value >= MIB && value % MIB === 0 ? `${value / MIB}Mi` : `${value} bytes`;
}

function word(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Who needs a resource, however many others stand between; never itself. In the order of their names. */
export function impactOf(
  resource: ResourceKey,
  dependsOn: ReadonlyMap<ResourceKey, readonly ResourceKey[]>,
): ResourceKey[] {
  const neededBy = new Map<ResourceKey, ResourceKey[]>();
  for (const [dependent, needs] of dependsOn) {
    for (const need of needs) neededBy.set(need, [...(neededBy.get(need) ?? []), dependent]);
  }
  const found = new Set([resource]);
  // A set that grows while it is walked is walked to its end.
  for (const one of found) for (const next of neededBy.get(one) ?? []) found.add(next);
  found.delete(resource);
  return [...found].sort();
}

/** What each runtime's `sync` puts right, by group; what is not named is for others to do. */
const REPAIRS: Readonly<Record<RuntimeSpec['type'], readonly string[]>> = {
  process: ['running', 'command', 'env', 'config'],
  docker: [
    ...['running', 'command', 'env', 'image', 'replicas', 'resources', 'labels'],
    ...CONTAINER_GROUPS,
  ],
  systemd: ['running', 'config'],
  config: ['config', 'config-mode', 'config-owner'],
  script: [],
  webhook: [],
  external: [],
};

/** The step that repairs the changes of a Service, and why; what it leaves is named with who must act. */
export function recommend(spec: ServiceSpec, changes: readonly Change[]): Recommendation {
  const { runtime } = spec;
  if (changes.length === 0) return { step: 'nothing', why: 'nothing differs' };
  if ('adopt' in runtime && runtime.adopt !== null) {
    return {
      step: 'nothing',
      why: `container ${runtime.adopt} is adopted: whoever made it must act`,
    };
  }
  if ('actions' in runtime) return recommendOwn(runtime.type, Object.keys(runtime.actions));
  const left = changes.flatMap((change) => beyondSync(spec, change) ?? []);
  if (left.length === changes.length) return { step: 'nothing', why: left.join('; ') };
  if (changes.every(({ pointer }) => pointer === '/running')) {
    return { step: 'start', why: 'it does not run, and is as desired otherwise' };
  }
  if (left.length === 0) return { step: 'sync', why: 'sync puts it right' };
  const count = `${changes.length - left.length} of ${changes.length} differences`;
  return { step: 'sync', why: `sync puts ${count} right; but ${left.join('; ')}` };
}

/** What such a runtime does is its author's; only a verb of this name says that it repairs. */
function recommendOwn(type: string, verbs: readonly string[]): Recommendation {
  if (verbs.includes('sync')) return { step: 'sync', why: `its own sync is to repair it` };
  return {
    step: 'nothing',
    why: `runtime ${type} has no action "sync" in its manifest: whoever runs the workload must act`,
  };
}

/** Why a sync does not put a change right; null: it does. */
function beyondSync({ runtime, config }: ServiceSpec, { pointer }: Change): string | null {
  const group = groupOf(pointer);
  if (!REPAIRS[runtime.type].includes(group)) {
    return `${nameOf(pointer)} is not for runtime ${runtime.type} to set: whoever set it must act`;
  }
  const file =
    group === 'config' ? config.find(({ path }) => tidyPath(path) === leafOf(pointer)) : null;
  return file?.kind === 'checksum'
    ? `of ${nameOf(pointer)} the manifest gives only the checksum: put it right by hand, or give its content`
    : null;
}
