import type { Selector } from '../domain/policy/ast';
import type { PolicyRevision } from '../domain/policy/policy';
import { readingOf } from '../domain/policy/reading';
import { isTarget } from '../domain/policy/targets';
import { observedOnly, resourceKey, type Resource } from '../domain/resource';
import type { SeriesRow } from '../storage/detector-load';

/** Who is looked at: resources with a manifest, and owners of series without one. */
export interface Roster {
  managed: readonly Resource[];
  metrics: readonly string[];
  /** Whether a policy's condition reads that metric. */
  reads: (policy: PolicyRevision, metric: string) => boolean;
  policiesOf: (resource: Resource) => readonly PolicyRevision[];
  /** Policies of a namespace with selectors that name whose series they mean. */
  farSighted: (namespace: string) => readonly FarSighted[];
  /** The resources a series speaks of; none: it is stored, and nobody's. */
  resourcesOf: (series: Pick<SeriesRow, 'owner' | 'member'>) => readonly Resource[];
}

/** A policy that reads other resources' series, and the resources it targets. */
export interface FarSighted {
  policy: PolicyRevision;
  foreign: readonly Selector[];
  targets: readonly Resource[];
}

export interface Desired {
  policies: readonly PolicyRevision[];
  managed: readonly Resource[];
  /** Keys whose manifest is gone: their samples do not bring them back. */
  retired: readonly string[];
}

export function createRoster({ policies, managed, retired }: Desired): Roster {
  const byKey = new Map(managed.map((resource) => [resource.key, resource]));
  const notObserved = new Set(retired);
  // A Service on several hosts is a group of members, no resource of its own.
  for (const { namespace, service } of managed) notObserved.add(resourceKey(namespace, service));
  const { written, implied } = groupPolicies(policies);
  const metrics = new Map(
    policies.map((revision) => [revision, new Set(readingOf(revision.policy).metrics)]),
  );
  const farSighted = groupFarSighted(policies, managed);

  return {
    managed,
    metrics: [...new Set([...metrics.values()].flatMap((own) => [...own]))],
    reads: (policy, metric) => metrics.get(policy)?.has(metric) ?? false,
    farSighted: (namespace) => farSighted.get(namespace) ?? [],
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

function groupFarSighted(
  policies: readonly PolicyRevision[],
  managed: readonly Resource[],
): Map<string, FarSighted[]> {
  const groups = new Map<string, FarSighted[]>();
  for (const policy of policies) {
    const { foreign } = readingOf(policy.policy);
    if (foreign.length === 0) continue;
    const targets = managed.filter((resource) => isTarget(policy.policy, resource));
    const { namespace } = policy.policy;
    groups.set(namespace, [...(groups.get(namespace) ?? []), { policy, foreign, targets }]);
  }
  return groups;
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
