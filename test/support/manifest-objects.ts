import { createHash } from 'node:crypto';
import type { Group } from '../../domain/group';
import type { MaintenanceWindow } from '../../domain/maintenance';
import type { Policy } from '../../domain/policy/policy';
import type { ServiceSpec } from '../../domain/resource';
import type { Definition, DefinitionKind } from '../../storage/definitions';
import type { ManifestObject } from '../../storage/manifests';

/** Compiled manifests for tests that are not about the language. */

export function serviceSpec(changes: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    runtime: { type: 'process', command: ['true'], env: {}, cwd: '.', stopWithVigil: false },
    hosts: [],
    labels: {},
    healthCheck: null,
    config: [],
    sync: { mode: 'heal', cooldownMs: 1000 },
    ...changes,
  };
}

export function service(name: string, changes: Partial<ServiceSpec> = {}): ManifestObject {
  const spec = serviceSpec(changes);
  const implied = policyDocument(`${name}:sync`, { impliedBy: `default/${name}` });
  return {
    kind: 'Service',
    namespace: 'default',
    name,
    document: { kind: 'Service', metadata: { name } },
    checksum: checksumOf(spec),
    file: `${name}.yaml`,
    line: 1,
    service: spec,
    labels: spec.labels,
    policies: spec.sync.mode === 'heal' ? [implied] : [],
  };
}

export function policy(name: string, changes: Partial<Policy> = {}): ManifestObject {
  const document = policyDocument(name, changes);
  return {
    kind: 'Policy',
    namespace: 'default',
    name,
    document: { kind: 'Policy', metadata: { name } },
    checksum: checksumOf(document),
    file: `${name}.yaml`,
    line: 1,
    service: null,
    labels: {},
    policies: [document],
  };
}

export function group(name: string, changes: Partial<Group> = {}): ManifestObject {
  const definition: Group = {
    ...named(name),
    members: { name: '*', labels: {} },
    limits: { maxUnhealthy: { kind: 'count', count: 1 } },
    storm: null,
    ...changes,
  };
  return defined('Group', definition);
}

export function maintenance(
  name: string,
  changes: Partial<MaintenanceWindow> = {},
): ManifestObject {
  const definition: MaintenanceWindow = {
    ...named(name),
    target: { name: '*', labels: {} },
    reason: 'the rack moves',
    fixed: [{ from: 0, to: 1 }],
    recurring: null,
    ...changes,
  };
  return defined('MaintenanceWindow', definition);
}

export function approvers(name: string, members: string[]): ManifestObject {
  return defined('Approvers', { ...named(name), members });
}

function named(name: string) {
  return { key: `default/${name}`, namespace: 'default', name };
}

function defined(kind: DefinitionKind, definition: Definition): ManifestObject {
  const { namespace, name } = definition;
  return {
    kind,
    namespace,
    name,
    document: { kind, metadata: { name } },
    checksum: checksumOf(definition),
    file: `${name}.yaml`,
    line: 1,
    service: null,
    labels: {},
    policies: [],
    definition,
  };
}

function policyDocument(name: string, changes: Partial<Policy>): Policy {
  return {
    key: `default/${name}`,
    namespace: 'default',
    name,
    target: { name: '*', labels: {} },
    condition: {
      text: 'resource_drift > 0',
      expression: {
        kind: 'truthy',
        at: 0,
        operand: { kind: 'selector', at: 0, metric: 'resource_drift', matchers: [] },
      },
      forMs: 0,
      hash: 'hash',
    },
    severity: 'warning',
    steps: [{ action: 'restart', params: {} }],
    cooldownMs: 1000,
    limits: { attempts: 3, maxConcurrent: 1 },
    approval: null,
    verify: { settleMs: 0, stableMs: 0, withinMs: 1000 },
    mode: 'enforce',
    impliedBy: null,
    ...changes,
  };
}

function checksumOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
