import type { GateFacts } from '../domain/action/gates';
import type { GroupLoad } from '../domain/action/group-load';
import { pauseOf } from '../domain/action/pause';
import { closedAt, type Schedule } from '../domain/calendar';
import { maintenanceOf } from '../domain/maintenance';
import type { TargetCandidate } from '../domain/policy/targets';
import { loadBreakers } from './breakers';
import { query, type Db } from './database';
import { loadPauses } from './decision-facts';
import { listDefinitions } from './definitions';
import { loadDegradation } from './degradation';
import { loadDependencies } from './dependencies';
import { loadGroupLoads, type Claim } from './group-loads';
import { loadGroupKeys } from './groups';

/** What the gates look at beyond the request itself. */
export type SharedFacts = Pick<
  GateFacts,
  'pause' | 'maintenance' | 'outsideSchedule' | 'breaker' | 'dependency' | 'degraded'
> & {
  /** Ids into `loads`. */
  groups: string[];
};

export interface LoadedFacts {
  of: (claim: Claim) => SharedFacts;
  loads: Map<string, GroupLoad>;
}

/**
 * Reads, once for all claims, what the gates look at. `now` is epoch ms.
 *
 * @param lockPauses a resume then waits until the transaction ends, and sees the hold that it wrote
 */
export async function loadSharedFacts(
  db: Db,
  claims: readonly Claim[],
  { now, lockPauses = false }: { now: number; lockPauses?: boolean },
): Promise<LoadedFacts> {
  const resources = [...new Set(claims.map(({ resource }) => resource))];
  const policies = [...new Set(claims.flatMap(({ policy }) => (policy === null ? [] : [policy])))];
  const pauses = await loadPauses(db, { lock: lockPauses });
  const groupKeys = await loadGroupKeys(db, resources);
  const windows = await loadMaintenance(db, resources, now);
  const closed = await loadClosed(db, policies, now);
  const breakers = await loadBreakers(db, policies, now);
  const dependencies = await loadDependencies(db, resources, now);
  const degraded = await loadDegradation(db, claims);
  const { loads, groupsOf } = await loadGroupLoads(db, claims, { now });
  return {
    loads,
    of: (claim) => ({
      pause: pauseOf(
        pauses,
        { resource: claim.resource, groups: groupKeys.get(claim.resource) ?? [] },
        now,
      ),
      maintenance: windows.get(claim.resource) ?? null,
      outsideSchedule: closed.get(claim.policy ?? '') ?? null,
      breaker: breakers.get(claim.policy ?? '') ?? { kind: 'closed' },
      dependency: dependencies.get(claim.resource) ?? null,
      degraded: degraded(claim.policy, claim.resource),
      groups: groupsOf(claim),
    }),
  };
}

/** The maintenance windows that are open over these resources. */
export async function loadMaintenance(
  db: Db,
  resources: readonly string[],
  now: number,
): Promise<Map<string, GateFacts['maintenance']>> {
  const windows = await listDefinitions(db, 'MaintenanceWindow');
  if (windows.length === 0) return new Map();
  const candidates = await query<TargetCandidate & { resource: string }>(
    db,
    'select resource, namespace, name, service, labels from resources where resource = any($1)',
    [resources],
  );
  return new Map(candidates.map((one) => [one.resource, maintenanceOf(windows, one, now)]));
}

/** The policies that are outside their schedule now. */
async function loadClosed(
  db: Db,
  policies: readonly string[],
  now: number,
): Promise<Map<string, GateFacts['outsideSchedule']>> {
  const scheduled = await query<{ policy: string; schedule: Schedule }>(
    db,
    `select policy, document -> 'schedule' as schedule from policies
      where policy = any($1) and document ? 'schedule'`,
    [policies],
  );
  return new Map(scheduled.map(({ policy, schedule }) => [policy, closedAt(schedule, now)]));
}
