import type { ObservedState } from '../action/runtime';
import { parseCpu, parseMemory } from '../quantity';
import type { ConfigFile, DesiredState, ResourceAmounts, ServiceSpec } from '../resource';
import type { DockerSpec, ProcessLimits } from '../runtime-spec';
import type { FactValue } from './change';
import {
  CONTAINER_GROUPS,
  containerFactsOf,
  containerValues,
  unseenGroups,
  type ContainerFacts,
} from './container-facts';
import { tidyPath } from './paths';

/**
 * A resource as facts, keyed by JSON pointer, so that desired and observed state compare leaf by
 * leaf. A group (the pointer's first segment) in `unseen` was not looked at: a stopped process has
 * no command, which says nothing about whether its command is right.
 */
export interface Facts {
  /** Null: it was looked for, and is not there. */
  values: ReadonlyMap<string, FactValue | null>;
  unseen: ReadonlySet<string>;
  /** Groups of which only what is listed was looked at. Absent: none, what is not listed is not there. */
  partial?: ReadonlySet<string>;
}

/** Hex SHA-256 of a text in UTF-8; an argument, because domain code has no crypto. */
export type Sha256 = (text: string) => string;

/** What a manifest says of its workload, in one form for every runtime. Absent: nothing. */
type Stated = Omit<DesiredState, 'resources'> & {
  resources?: Partial<ResourceAmounts>;
  labels?: Record<string, string>;
  container?: ContainerFacts;
};

/** What was looked at, in the same form. */
type Seen = {
  [Group in Exclude<keyof Stated, 'env'>]: Stated[Group] | undefined;
} & { env: Record<string, string | null> | undefined };

/** Groups that a side may leave out as a whole. */
const GROUPS = ['command', 'env', 'image', 'replicas', 'resources', 'labels', 'version'] as const;
const FILES = ['config', 'config-mode', 'config-owner'];
/** Groups of which outsiders may report some facts and leave out others. */
const TOLD = ['env', 'resources'];

/** What should be true of a Service, but for what nothing is said of. Of a file its checksum counts, and its mode and owner where they are given. */
export function desiredFacts(spec: ServiceSpec, sha256: Sha256): Facts {
  const stated = statedBy(spec);
  const values = new Map<string, FactValue | null>([['/running', true]]);
  writeStated(values, stated);
  for (const file of spec.config) writeFile(values, file, sha256);
  return {
    values,
    unseen: unseenOf(stated),
    partial: new Set(isReported(spec) ? [...FILES, ...TOLD] : FILES),
  };
}

/** Runtimes that cannot look. */
export const REPORTED_RUNTIMES: readonly string[] = ['script', 'webhook', 'external'];

/** Whether its runtime cannot look, so that outsiders report it, and only what they report counts. */
export function isReported({ runtime }: ServiceSpec): boolean {
  return REPORTED_RUNTIMES.includes(runtime.type);
}

function statedBy({ runtime, desired }: ServiceSpec): Stated {
  switch (runtime.type) {
    case 'process':
      return { command: runtime.command, env: runtime.env, resources: amountsOf(runtime.limits) };
    case 'docker':
      return statedByDocker(runtime);
    case 'systemd':
    case 'config':
      return {};
    case 'script':
    case 'webhook':
    case 'external':
      return desired?.resources === undefined
        ? (desired ?? {})
        : { ...desired, resources: namedOf(desired.resources) };
  }
}

/** What outsiders report of a limit that the manifest does not name is compared with nothing. */
function namedOf({ cpu, memory }: ResourceAmounts): Partial<ResourceAmounts> {
  return { ...(cpu !== null && { cpu }), ...(memory !== null && { memory }) };
}

/** Of an adopted container nothing is said but that it is there: somebody else made it. */
function statedByDocker(runtime: DockerSpec): Stated {
  const { image, command, env, replicas, resources, labels } = runtime;
  if (runtime.adopt !== null) return { replicas };
  return {
    ...{ env, replicas, labels, container: containerFactsOf(runtime) },
    ...(image !== null && { image }),
    ...(command !== null && { command }),
    resources: { cpu: resources.cpus, memory: resources.memory },
  };
}

function amountsOf(limits: ProcessLimits | undefined): NonNullable<Stated['resources']> {
  const percent = limits?.cpuPercent;
  return { cpu: percent === undefined ? null : percent / 100, memory: limits?.memoryBytes ?? null };
}

function writeStated(values: Map<string, FactValue | null>, stated: Stated | Seen): void {
  for (const group of ['command', 'image', 'replicas', 'version'] as const) {
    const value = stated[group];
    if (value !== undefined) values.set(`/${group}`, value);
  }
  writeAll(values, 'env', stated.env ?? {});
  writeAll(values, 'labels', stated.labels ?? {});
  if (stated.resources !== undefined) writeAmounts(values, stated.resources);
  for (const [pointer, value] of containerValues(stated.container ?? {}))
    values.set(pointer, value);
}

function unseenOf(side: Stated | Seen): Set<string> {
  const groups = GROUPS.filter((group) => side[group] === undefined);
  return new Set([...groups, ...unseenGroups(side.container ?? {})]);
}

/** What a runtime or an outsider saw. A resource that was never started has no fact `/running`; one that stopped has it as false. */
export function observedFacts(observed: ObservedState, isTold = false): Facts {
  if (observed.isUnseen === true) {
    return {
      values: new Map(),
      unseen: new Set(['running', ...GROUPS, ...CONTAINER_GROUPS, ...FILES]),
    };
  }
  const { isAbsent, isRunning, config } = observed;
  const looked = lookedAt(observed);
  const values = new Map<string, FactValue | null>();
  if (!isAbsent) values.set('/running', isRunning);
  writeStated(values, looked);
  for (const file of config) writeSeenFile(values, file);
  return {
    values,
    unseen: unseenOf(looked),
    partial: new Set(isTold ? [...FILES, ...TOLD] : FILES),
  };
}

/** What does not run has a number of 0, and `/running` tells already. */
function lookedAt({ command, env, image, version, ...seen }: ObservedState): Seen {
  const { isRunning, replicas, resources, labels } = seen;
  const { ports, volumes, networks, healthCheck } = seen;
  return {
    command: command ?? undefined,
    env: env ?? undefined,
    image: image ?? undefined,
    version: version ?? undefined,
    replicas: isRunning ? replicas : undefined,
    ...{ resources, labels, container: { ports, volumes, networks, healthCheck } },
  };
}

function writeAll(
  values: Map<string, FactValue | null>,
  group: string,
  leaves: Readonly<Record<string, string | null>>,
): void {
  for (const [name, value] of Object.entries(leaves)) values.set(pointerTo(group, name), value);
}

/** Of what comes from outside, amounts may be texts: `500m`, `1Gi`. */
function writeAmounts(
  values: Map<string, FactValue | null>,
  { cpu, memory }: { cpu?: number | string | null; memory?: number | string | null },
): void {
  if (cpu !== undefined)
    values.set('/resources/cpu', typeof cpu === 'string' ? (parseCpu(cpu) ?? cpu) : exactCpu(cpu));
  if (memory !== undefined)
    values.set(
      '/resources/memory',
      typeof memory === 'string' ? (parseMemory(memory) ?? memory) : memory,
    );
}

/** Engines count billionths of a core. */
function exactCpu(cores: number | null): number | null {
  return cores === null ? null : Math.round(cores * 1e9) / 1e9;
}

function writeFile(values: Map<string, FactValue | null>, file: ConfigFile, sha256: Sha256): void {
  const path = tidyPath(file.path);
  const checksum = file.kind === 'content' ? sha256(file.content) : file.sha256;
  values.set(pointerTo('config', path), tidyChecksum(checksum));
  if (file.mode !== undefined) values.set(pointerTo('config-mode', path), tidyMode(file.mode));
  if (file.owner !== undefined) values.set(pointerTo('config-owner', path), file.owner);
}

function writeSeenFile(
  values: Map<string, FactValue | null>,
  { path: given, sha256, mode, owner }: ObservedState['config'][number],
): void {
  const path = tidyPath(given);
  values.set(pointerTo('config', path), sha256 === null ? null : tidyChecksum(sha256));
  if (mode !== undefined) values.set(pointerTo('config-mode', path), tidyMode(mode));
  if (owner !== undefined) values.set(pointerTo('config-owner', path), owner);
}

function tidyChecksum(text: string): string {
  return text.toLowerCase().replace(/^sha256:/, '');
}

/** `644` and `0644` are one mode. */
function tidyMode(mode: string): string {
  return mode.replace(/^0+(?=.)/, '').padStart(4, '0');
}

/** The pointer's first segment. */
export function groupOf(pointer: string): string {
  return pointer.split('/', 2)[1] ?? '';
}

/** What the pointer names within its group, unescaped: `/config/etc~1web.conf` → `etc/web.conf`. */
export function leafOf(pointer: string): string {
  const leaf = pointer.slice(groupOf(pointer).length + 2);
  return leaf.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** `config`, `etc/web.conf` → `/config/etc~1web.conf`. */
export function pointerTo(group: string, leaf: string): string {
  return `/${group}/${leaf.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
