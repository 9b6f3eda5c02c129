import type { ObservedState, RuntimeTarget } from '../action/runtime';
import type { ConfigFile, DesiredState, ServiceSpec } from '../resource';
import type { DockerSpec, ProcessLimits, ProcessSpec, RuntimeSpec } from '../runtime-spec';
import { NOT_SHOWN, type FactValue } from './change';
import { isContainerGroup } from './container-facts';
import { isSame, settleAll } from './diff';
import { plainImage } from './image';
import { desiredFacts, groupOf, isReported, leafOf, observedFacts, type Sha256 } from './normalise';
import { tidyPath } from './paths';
import { isLeftToOthers, type Override, type Settled } from './rules';

/**
 * The spec that a step must bring about: ignored and owned facts as they are, an owner's number
 * within its range, and Vigil's own overrides. Whatever differs from it is there to be repaired.
 */
export function repairSpec(
  spec: ServiceSpec,
  observed: ObservedState,
  given: { overrides?: readonly Override[] | undefined },
): ServiceSpec {
  return withSettled(spec, settledOf(spec, observed, given));
}

/** Whether what is observed says what a step must bring about; else the spec and overrides do. */
export function needsLook({ drift }: ServiceSpec): boolean {
  return drift !== undefined && drift.ignore.length + drift.owners.length > 0;
}

/** Whether who made a difference may decide whether it is repaired. */
export function asksForOwner({ drift }: ServiceSpec): boolean {
  return drift?.ignore.some(({ owner }) => owner !== undefined) === true;
}

/**
 * Where the spec that a step must bring about differs from the manifest; plain data, so that it can
 * be written down before the step begins. Of a resource that was never started here, what is not
 * there is made as the manifest says: a first start repairs nothing.
 */
export function settledOf(
  spec: ServiceSpec,
  observed: ObservedState,
  { overrides }: { overrides?: readonly Override[] | undefined },
): Settled[] {
  const desired = desiredFacts(spec, NO_CHECKSUM);
  const seen = observedFacts(observed, isReported(spec));
  return settleAll({ desired, seen }, { spec, observed, overrides }).flatMap((settled) => {
    const { pointer, value, from } = settled;
    if (from === 'observed' && value === null && observed.isAbsent) return [];
    // Of a file nothing is kept but that it is to be left alone.
    if (groupOf(pointer) === 'config')
      return from === 'observed' ? [{ ...settled, value: null }] : [];
    const wanted = desired.values.get(pointer) ?? null;
    if (from === 'observed' && isUntold(pointer, value)) {
      return [{ ...settled, value: wanted }];
    }
    return isSame(pointer, wanted, value) ? [] : [settled];
  });
}

/** What is told to nobody cannot be kept: only what the manifest says. */
function isUntold(pointer: string, value: FactValue | null): boolean {
  return groupOf(pointer) === 'env' && value === NOT_SHOWN;
}

/** Whether a fact of the target stays as it is, whatever that is. */
export function isLeft({ settled = [] }: Pick<RuntimeTarget, 'settled'>, pointer: string): boolean {
  return settled.some((one) => one.pointer === pointer && one.from === 'observed');
}

/** Whether a fact of the target may become whatever it likes; what is as the manifest says is not settled. */
export function mayDiffer(
  { settled, spec, attribution }: Pick<RuntimeTarget, 'settled' | 'spec' | 'attribution'>,
  pointer: string,
): boolean {
  if (isLeft(settled === undefined ? {} : { settled }, pointer)) return true;
  return isLeftToOthers({ pointer, attribution: attribution?.[pointer] }, spec.drift);
}

/** Checksums are not compared here. */
const NO_CHECKSUM: Sha256 = () => '';

/**
 * A spec with facts set to other values; null takes a fact away. Files are left out, modes and owners are left as they are.
 * How a container is connected is told tidied, which nothing can be made of: where it is left as it
 * is, its runtime has to keep what the container was made from.
 */
export function withSettled(spec: ServiceSpec, settled: readonly Settled[]): ServiceSpec {
  return settled
    .filter(({ pointer, from }) => from !== 'observed' || !isContainerGroup(groupOf(pointer)))
    .reduce(withFact, spec);
}

function withFact(spec: ServiceSpec, { pointer, value }: Settled): ServiceSpec {
  const [group, leaf] = [groupOf(pointer), leafOf(pointer)];
  switch (group) {
    case 'config':
      return { ...spec, config: spec.config.filter(({ path }) => tidyPath(path) !== leaf) };
    case 'config-mode':
    case 'config-owner': {
      const isMode = group === 'config-mode';
      return { ...spec, config: spec.config.map((file) => unset(file, leaf, isMode)) };
    }
    default:
      return isReported(spec)
        ? { ...spec, desired: withDesired(spec.desired ?? {}, { group, leaf, value }) }
        : { ...spec, runtime: withRuntime(spec.runtime, { group, leaf, value }) };
  }
}

function unset(file: ConfigFile, leaf: string, isMode: boolean): ConfigFile {
  if (tidyPath(file.path) !== leaf) return file;
  const rest = { ...file };
  if (isMode) delete rest.mode;
  else delete rest.owner;
  return rest;
}

interface Leaf {
  group: string;
  leaf: string;
  value: FactValue | null;
}

function withRuntime(runtime: RuntimeSpec, fact: Leaf): RuntimeSpec {
  if (runtime.type === 'process') return withProcess(runtime, fact);
  return runtime.type === 'docker' ? withDocker(runtime, fact) : runtime;
}

function withProcess(runtime: ProcessSpec, { group, leaf, value }: Leaf): ProcessSpec {
  switch (group) {
    case 'command':
      return isWords(value) ? { ...runtime, command: [...value] } : runtime;
    case 'env':
      return { ...runtime, env: withLeaf(runtime.env, leaf, value) };
    case 'resources':
      return { ...runtime, limits: withLimit(runtime.limits ?? {}, leaf, value) };
    default:
      return runtime;
  }
}

function withLimit(limits: ProcessLimits, leaf: string, value: FactValue | null): ProcessLimits {
  const { cpuPercent, memoryBytes, ...rest } = limits;
  const amount = typeof value === 'number' ? value : undefined;
  const isCpu = leaf === 'cpu';
  const cpu = isCpu ? amount && Math.round(amount * 1e11) / 1e9 : cpuPercent;
  const memory = isCpu ? memoryBytes : amount;
  return {
    ...rest,
    ...(cpu !== undefined && { cpuPercent: cpu }),
    ...(memory !== undefined && { memoryBytes: memory }),
  };
}

function withDocker(runtime: DockerSpec, { group, leaf, value }: Leaf): DockerSpec {
  switch (group) {
    case 'command':
      return isWords(value) ? { ...runtime, command: [...value] } : runtime;
    case 'image':
      return typeof value === 'string' ? { ...runtime, image: plainImage(value) } : runtime;
    case 'replicas':
      return typeof value === 'number' ? { ...runtime, replicas: value } : runtime;
    case 'env':
    case 'labels':
      return { ...runtime, [group]: withLeaf(runtime[group], leaf, value) };
    case 'resources':
      return withContainerLimit(runtime, leaf, value);
    case 'healthCheck':
      return withCheckNumber(runtime, leaf, value);
    default:
      return runtime;
  }
}

function withContainerLimit(spec: DockerSpec, leaf: string, value: FactValue | null): DockerSpec {
  const field = leaf === 'cpu' ? 'cpus' : 'memory';
  const amount = typeof value === 'number' ? value : null;
  return { ...spec, resources: { ...spec.resources, [field]: amount } };
}

/** Of how containers are connected and checked, nothing but a number has an owner. */
function withCheckNumber(spec: DockerSpec, leaf: string, value: FactValue | null): DockerSpec {
  return spec.health === null ? spec : { ...spec, health: { ...spec.health, [leaf]: value } };
}

/** Nothing acts by it: what a script or an endpoint does is its own. */
function withDesired(desired: DesiredState, { group, leaf, value }: Leaf): DesiredState {
  switch (group) {
    case 'env':
      return { ...desired, env: withLeaf(desired.env ?? {}, leaf, value) };
    case 'resources':
      return {
        ...desired,
        resources: { ...(desired.resources ?? { cpu: null, memory: null }), [leaf]: value },
      };
    case 'running':
      return desired;
    default: {
      const rest = Object.entries(desired).filter(([field]) => field !== group);
      return Object.fromEntries(value === null ? rest : [...rest, [group, value]]);
    }
  }
}

function withLeaf(
  map: Readonly<Record<string, string>>,
  leaf: string,
  value: FactValue | null,
): Record<string, string> {
  const rest = Object.entries(map).filter(([name]) => name !== leaf);
  return Object.fromEntries(value === null ? rest : [...rest, [leaf, String(value)]]);
}

function isWords(value: FactValue | null): value is readonly string[] {
  return Array.isArray(value);
}
