/**
 * A resource is the thing kept healthy: one runtime on one host, named `namespace/name`,
 * unique across kinds. Everything that names one outside this file uses its key.
 */
import type { DriftRules } from './drift/rules';
import type { Approval } from './policy/policy';
import type { RuntimeSpec } from './runtime-spec';

/** `namespace/name`, the form used in SQL columns, workflow ids, routes and logs. */
export type ResourceKey = string;

export interface ResourceName {
  namespace: string;
  name: string;
}

export const DEFAULT_NAMESPACE = 'default';

export function resourceKey(namespace: string, name: string): ResourceKey {
  return `${namespace}/${name}`;
}

/** Splits a key; a key without a slash is a name in namespace `default`. */
export function parseResourceKey(key: ResourceKey): ResourceName {
  const slash = key.indexOf('/');
  return slash === -1
    ? { namespace: DEFAULT_NAMESPACE, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The key of a Service's member on one host: `namespace/web@a`. */
export function memberKey(namespace: string, service: string, host: string): ResourceKey {
  return resourceKey(namespace, `${service}@${host}`);
}

/** The Service a resource belongs to: `ns/web@a` → `ns/web`; itself when it is no member. */
export function memberScope(key: ResourceKey): ResourceKey {
  const at = key.indexOf('@');
  return at === -1 ? key : key.slice(0, at);
}

/** What a sample's tags say about its owner. `owner` is null when no tag names a resource. */
export interface Ownership {
  owner: ResourceKey | null;
  /** Set when both a service and a host are named: the member takes the sample if it exists. */
  member: ResourceKey | null;
}

const OWNER_TAGS = ['resource', 'service', 'host', 'instance'] as const;

/** Derives the owner from tags: `namespace` and the first of resource, service, host, instance (port stripped). */
export function ownershipOf(tags: Readonly<Record<string, string>>): Ownership {
  const namespace = tags['namespace'] ?? DEFAULT_NAMESPACE;
  const tag = OWNER_TAGS.find((name) => (tags[name] ?? '') !== '');
  if (tag === undefined) return { owner: null, member: null };
  const value = tags[tag] ?? '';
  const name = tag === 'instance' ? value.replace(/:\d+$/, '') : value;
  const host = tags['host'];
  const hasMember = (tag === 'service' || tag === 'resource') && host !== undefined && host !== '';
  return {
    owner: resourceKey(namespace, name),
    member: hasMember ? memberKey(namespace, name, host) : null,
  };
}

/** A file the runtime keeps: its exact content, or only the SHA-256 it must have. */
export type ConfigFile = (
  | { kind: 'content'; path: string; content: string }
  | { kind: 'checksum'; path: string; sha256: string }
) & {
  /** Octal digits such as `0640`. Absent: as it is; 0644 for a new file. */
  mode?: string;
  /** `user` or `user:group`, names or numbers. Absent: as it is; the worker's for a new file. */
  owner?: string;
};

export interface HealthCheck {
  endpoint: string;
  intervalMs: number;
  timeoutMs: number;
  /** Failed checks in a row until the Service counts as unhealthy. Absent: stored before there was one. */
  threshold?: number;
}

/** What is done to a Service that fails its health check. */
export interface Remediation {
  /** Failed checks in a row until it is restarted; at least the health check's own threshold. */
  restartThreshold: number;
  cooldownMs: number;
}

/** What should be true of a Service whose runtime cannot look for itself: outsiders report its state. */
export interface DesiredState {
  image?: string;
  command?: string[];
  env?: Record<string, string>;
  replicas?: number;
  resources?: ResourceAmounts;
  version?: string;
}

/** Null: no limit. `cpu` in cores (`500m` = 0.5), `memory` in bytes. */
export interface ResourceAmounts {
  cpu: number | null;
  memory: number | null;
}

/** How drift is repaired. */
export interface SyncSpec {
  mode: SyncMode;
  cooldownMs: number;
  /** Whom a repair asks first. Absent: nobody. */
  approval?: Approval;
  /** Ms to wait after 0, 1, 2 … failed repairs in a row; the last one repeats. Absent: the usual table. */
  backoffMs?: number[];
}

export type SyncMode = 'detect' | 'heal';

/** A Service as compiled from its manifest: every default filled in, every duration in milliseconds. */
export interface ServiceSpec {
  runtime: RuntimeSpec;
  hosts: string[];
  /** Of a Service without `hosts`: the one it runs on (`runtime.host`). Absent: the control host. */
  host?: string;
  labels: Record<string, string>;
  healthCheck: HealthCheck | null;
  config: ConfigFile[];
  sync: SyncSpec;
  remediation?: Remediation;
  /** Absent: no rules. */
  drift?: DriftRules;
  /** Only of runtimes that cannot look for themselves. */
  desired?: DesiredState;
  /** Resources it needs: while one of them is down, nothing is done here. Absent: none. */
  dependsOn?: ResourceKey[];
  /** How far an action may scale it, and for how long that stands (absent: until the manifest says another number); absent: not at all. */
  scaling?: { min: number; max: number; overrideForMs?: number };
}

/** One resource as the decision code sees it. `spec` is null for a resource that is only observed. */
export interface Resource {
  key: ResourceKey;
  namespace: string;
  name: string;
  /** The Service manifest's name; equals `name` unless this is a member `name@host`. */
  service: string;
  /** Null: on the control host. */
  host: string | null;
  labels: Record<string, string>;
  spec: ServiceSpec | null;
  /** Revision that last changed the manifest; 0 without a manifest. */
  revision: number;
  /** Revision that created it since its last deletion; 0 without a manifest. */
  createdRevision: number;
}

/** A resource that only its samples know. */
export function observedOnly(key: ResourceKey): Resource {
  return {
    ...{ key, ...parseResourceKey(key), service: parseResourceKey(key).name },
    host: null,
    labels: {},
    spec: null,
    revision: 0,
    createdRevision: 0,
  };
}
