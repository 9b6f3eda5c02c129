import type { Approvers } from '../../domain/approvers';
import type { Group } from '../../domain/group';
import type { MaintenanceWindow } from '../../domain/maintenance';
import type { Policy } from '../../domain/policy/policy';
import type { ResourceName, ServiceSpec } from '../../domain/resource';
import { compileApprovers } from './approvers';
import { compileGroup } from './group';
import { compileMaintenance } from './maintenance';
import { compilePolicy } from './policy';
import { impliedPolicies } from './service/implied';
import { compileService } from './service/service';
import type { Context } from './shape';
import type { Path } from './source';

export const MANIFEST_KINDS = [
  'Service',
  'Policy',
  'Group',
  'MaintenanceWindow',
  'Approvers',
] as const;
export type ManifestKind = (typeof MANIFEST_KINDS)[number];

/** What a manifest is compiled to. */
export interface CompiledParts {
  /** Null unless kind Service. */
  service: ServiceSpec | null;
  /** A Policy's own policy, or what a Service implies. */
  policies: Policy[];
  /** Of the other kinds. */
  definition?: Group | MaintenanceWindow | Approvers;
}

/** A `spec` and where it stands. */
export interface SpecPlace {
  spec: unknown;
  path: Path;
  context: Context;
}

type CompileSpec = (
  id: ResourceName & { labels: Record<string, string> },
  place: SpecPlace,
) => CompiledParts | null;

/** How the spec of each kind is compiled; null after reporting what is wrong. */
export const COMPILE_SPEC: Readonly<Record<ManifestKind, CompileSpec>> = {
  Service: (id, place) => {
    const service = compileService(id, place);
    return service && { service, policies: impliedPolicies(id, service) };
  },
  Policy: (id, place) => {
    const policy = compilePolicy(nameOf(id), place);
    return policy && { service: null, policies: [policy] };
  },
  Group: (id, place) => defined(compileGroup(nameOf(id), place)),
  MaintenanceWindow: (id, place) => defined(compileMaintenance(nameOf(id), place)),
  Approvers: (id, place) => defined(compileApprovers(nameOf(id), place)),
};

function nameOf({ namespace, name }: ResourceName): ResourceName {
  return { namespace, name };
}

function defined(definition: CompiledParts['definition'] | null): CompiledParts | null {
  return definition ? { service: null, policies: [], definition } : null;
}
