import type { ContainerSpec } from '../runtime-spec';
import type { FactValue } from './change';
import { tidyPath } from './paths';

/** What a container is connected to and how it is checked, as a manifest writes it. */
export interface ContainerFacts {
  ports?: readonly string[] | undefined;
  /** Without anonymous ones. */
  volumes?: readonly string[] | undefined;
  /** The names of those it is on. */
  networks?: readonly string[] | undefined;
  /** Null: none but what its image brings. */
  healthCheck?: ContainerSpec['health'] | undefined;
}

export const CONTAINER_GROUPS = ['ports', 'volumes', 'network', 'healthCheck'] as const;
export type ContainerGroup = (typeof CONTAINER_GROUPS)[number];

export function isContainerGroup(group: string): group is ContainerGroup {
  return (CONTAINER_GROUPS as readonly string[]).includes(group);
}

const NUMBERS = ['interval', 'timeout', 'retries', 'startPeriod'] as const;
const NO_CHECK = { command: [], interval: 0, timeout: 0, retries: 0, startPeriod: 0 };

/** `network: bridge` is what Docker does without any. */
const DEFAULT_NETWORK = 'default';
const DEFAULT_NAMES: ReadonlySet<string> = new Set(['', 'bridge', DEFAULT_NETWORK]);
/** Docker writes the one, Podman the other. */
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['', '0.0.0.0']);

export function containerFactsOf(spec: ContainerSpec): ContainerFacts {
  const { ports, volumes, network, health } = spec;
  return { ports, volumes, networks: [network ?? DEFAULT_NETWORK], healthCheck: health };
}

/** By pointer. In lists order has no meaning; what is empty, or 0, is not there. */
export function containerValues(facts: ContainerFacts): Map<string, FactValue | null> {
  const values = new Map<string, FactValue | null>();
  const { ports, volumes, networks, healthCheck } = facts;
  if (ports !== undefined) values.set('/ports', listOf(ports.map(tidyPort)));
  if (volumes !== undefined) values.set('/volumes', listOf(volumes.map(tidyVolume)));
  if (networks !== undefined) values.set('/network', networkOf(networks));
  if (healthCheck !== undefined) {
    const { command, ...numbers } = healthCheck ?? NO_CHECK;
    values.set('/healthCheck/command', command.length === 0 ? null : command);
    for (const name of NUMBERS) values.set(`/healthCheck/${name}`, numbers[name] || null);
  }
  return values;
}

/** Which groups nobody looked at, or nothing is said of. */
export function unseenGroups(facts: ContainerFacts): ContainerGroup[] {
  const { ports, volumes, networks: network, healthCheck } = facts;
  const seen = { ports, volumes, network, healthCheck };
  return CONTAINER_GROUPS.filter((group) => seen[group] === undefined);
}

function listOf(items: readonly string[]): readonly string[] | null {
  return items.length === 0 ? null : [...new Set(items)].sort();
}

function networkOf(names: readonly string[]): FactValue {
  const tidied = names.map((name) => (DEFAULT_NAMES.has(name) ? DEFAULT_NETWORK : name));
  const [first = 'none', ...others] = [...new Set(tidied)].sort();
  return others.length === 0 ? first : [first, ...others];
}

/** `0.0.0.0:08080:80/tcp` → `8080:80`; what is no port stays as it is. */
function tidyPort(text: string): string {
  const match = /^(?:(.*):)?(\d+):(\d+)(?:\/([a-z]+))?$/i.exec(text);
  if (match === null) return text;
  const [, address = '', outside, inside, protocol = 'tcp'] = match;
  const place = tidyAddress(address.replaceAll(/[[\]]/g, '').toLowerCase());
  const suffix = protocol.toLowerCase() === 'tcp' ? '' : `/${protocol.toLowerCase()}`;
  return `${place}${Number(outside)}:${Number(inside)}${suffix}`;
}

function tidyAddress(address: string): string {
  if (EVERY_ADDRESS.has(address)) return '';
  if (!address.includes(':')) return `${address}:`;
  const url = `http://[${address}]`;
  return `${URL.canParse(url) ? new URL(url).hostname : `[${address}]`}:`;
}

/** Source, place and whether it may only be read; how it is mounted beyond that differs from engine to engine. */
function tidyVolume(text: string): string {
  const [source = '', place = '', options = ''] = text.split(':');
  const from = source.startsWith('/') ? tidyPath(source) : source;
  const isReadOnly = options.split(',').includes('ro');
  return `${from}:${tidyPath(place)}${isReadOnly ? ':ro' : ''}`;
}

/** A spec of containers, but for what is left as it is: that is of the one which is there. */
export function withLeft(
  wanted: ContainerSpec,
  { old, isLeft }: { old: ContainerSpec; isLeft: (pointer: string) => boolean },
): ContainerSpec {
  return {
    ...wanted,
    ports: isLeft('/ports') ? old.ports : wanted.ports,
    volumes: isLeft('/volumes') ? old.volumes : wanted.volumes,
    network: isLeft('/network') ? old.network : wanted.network,
    health: checkWithLeft(wanted.health, { old: old.health, isLeft }),
  };
}

function checkWithLeft(
  wanted: ContainerSpec['health'],
  { old, isLeft }: { old: ContainerSpec['health']; isLeft: (pointer: string) => boolean },
): ContainerSpec['health'] {
  const fields = ['command', ...NUMBERS] as const;
  const kept = fields.filter((field) => isLeft(`/healthCheck/${field}`));
  if (kept.length === 0) return wanted;
  const entries = kept.map((field) => [field, (old ?? NO_CHECK)[field]] as const);
  const check = { ...(wanted ?? NO_CHECK), ...Object.fromEntries(entries) };
  return check.command.length === 0 ? null : check;
}
