import type { PolicyRevision } from '../domain/policy/policy';
import { isTarget } from '../domain/policy/targets';
import { observedOnly, resourceKey, type Resource } from '../domain/resource';
import type { SeriesRow } from '../storage/detector-load';

/** Who is looked at: resources with a manifest, and owners of series without one. */
export interface Roster {
  managed: readonly Resource[];
  metrics: readonly string[];
  policiesOf: (resource: Resource) => readonly PolicyRevision[];
  /** The resources a series speaks of; none: it is stored, and nobody's. */
  resourcesOf: (series: Pick<SeriesRow, 'owner' | 'member'>) => readonly Resource[];
}

export interface Desired {
  policies: readonly PolicyRevision[];
  managed: readonly Resource[];
  /** Keys whose manifest is gone: their samples do not bring them back. */
  retired: readonly string[];
  metricsOf: (policy: PolicyRevision) => readonly string[];
}

export function createRoster({ policies, managed, retired, metricsOf }: Desired): Roster {
  const byKey = new Map(managed.map((resource) => [resource.key, resource]));
  const notObserved = new Set(retired);
  // A Service on several hosts is a group of members, no resource of its own.
  for (const { namespace, service } of managed) notObserved.add(resourceKey(namespace, service));
  const { written, implied } = groupPolicies(policies);

  return {
    managed,
    metrics: [...new Set(policies.flatMap(metricsOf))],
    policiesOf(resource) {
      const own = implied.get(resourceKey(resource.namespace, resource.service)) ?? [];
      return [...(written.get(resource.namespace) ?? []), ...own].filter(({ policy }) =>
        isTarget(policy, resource),
      );
    },
    resourcesOf({ owner, member }) {
      const keys = [member, owner].filter((key) => key !== null);
      const found = keys.flatMap((key) => byKey.get(key) ?? []);
      if (found.length > 0 || owner === null || notObserved.has(owner)) return found;
      return [observedOnly(owner)];
    },
  };
}

/** Implied policies are found by their Service: asking each Service about each one would be quadratic. */
function groupPolicies(policies: readonly PolicyRevision[]): {
  written: Map<string, PolicyRevision[]>;
  implied: Map<string, PolicyRevision[]>;
} {
  const written = new Map<string, PolicyRevision[]>();
  const implied = new Map<string, PolicyRevision[]>();
  for (const revision of policies) {
    const { namespace, impliedBy } = revision.policy;
    const group = impliedBy === null ? written : implied;
    const key = impliedBy ?? namespace;
    group.set(key, [...(group.get(key) ?? []), revision]);
  }
  return { written, implied };
}
