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
import { loadGroupLoads, type Claim, type GroupFacts } from './group-loads';
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
 * @param isOwnOnly leaves out what lies beyond the resource (dependencies, groups, the control
 *   plane): as if nothing held there
 */
export async function loadSharedFacts(
  db: Db,
  claims: readonly Claim[],
  options: { now: number; lockPauses?: boolean; isOwnOnly?: boolean },
): Promise<LoadedFacts> {
  const { now, lockPauses = false, isOwnOnly = false } = options;
  const resources = [...new Set(claims.map(({ resource }) => resource))];
  const policies = [...new Set(claims.flatMap(({ policy }) => (policy === null ? [] : [policy])))];
  const pauses = await loadPauses(db, { lock: lockPauses });
  const groupKeys = await loadGroupKeys(db, resources);
  const windows = await loadMaintenance(db, resources, now);
  const closed = await loadClosed(db, policies, now);
  const breakers = await loadBreakers(db, policies, now);
  const { dependencies, degraded, loads, groupsOf } = isOwnOnly
    ? NOTHING_BEYOND
    : await loadBeyond(db, claims, now);
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

interface Beyond extends GroupFacts {
  dependencies: Map<string, NonNullable<GateFacts['dependency']>>;
  degraded: (policy: string | null, resource: string) => string | null;
}

const NOTHING_BEYOND: Beyond = {
  dependencies: new Map(),
  degraded: () => null,
  loads: new Map(),
  groupsOf: () => [],
};

async function loadBeyond(db: Db, claims: readonly Claim[], now: number): Promise<Beyond> {
  const resources = [...new Set(claims.map(({ resource }) => resource))];
  return {
    dependencies: await loadDependencies(db, resources, now),
    degraded: await loadDegradation(db, claims),
    ...(await loadGroupLoads(db, claims, { now })),
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
