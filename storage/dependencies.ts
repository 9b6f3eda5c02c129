import type { GateFacts } from '../domain/action/gates';
import { NOTIFY, type Policy } from '../domain/policy/policy';
import { isTarget, type TargetCandidate } from '../domain/policy/targets';
import { query, type Db } from './database';
import { loadHealth, type Health } from './health';

interface Needed extends TargetCandidate {
  /** Who needs it. */
  resource: string;
  /** As the manifest names it: a resource or a Service. */
  dependency: string;
  /** One resource that it stands for. */
  member: string;
}

/**
 * Of each of these resources, what it needs (`spec.dependsOn`) that is down at `now` (epoch ms):
 * none of its members is well. One that policies look at and that was not judged yet is not known
 * to be well, so that at a cold start whoever others need comes first.
 */
export async function loadDependencies(
  db: Db,
  resources: readonly string[],
  now: number,
): Promise<Map<string, NonNullable<GateFacts['dependency']>>> {
  const needed = await query<Needed & Record<string, unknown>>(
    db,
    `select r.resource, d.dependency, m.resource as member, m.namespace, m.name, m.service, m.labels
       from resources r
       cross join lateral jsonb_array_elements_text(r.spec -> 'dependsOn') as d (dependency)
       join lateral (
         select * from resources where resource = d.dependency and deleted_at is null
         union
         select * from resources where namespace = split_part(d.dependency, '/', 1)
           and service = split_part(d.dependency, '/', 2) and deleted_at is null) m on true
      where r.resource = any($1) and jsonb_typeof(r.spec -> 'dependsOn') = 'array'
      order by r.resource, d.dependency, m.resource`,
    [resources],
  );
  const down = new Map<string, NonNullable<GateFacts['dependency']>>();
  if (needed.length === 0) return down;
  const health = await loadHealth(db, [...new Set(needed.map(({ member }) => member))], now);
  const watched = await loadWatched(db, needed);
  for (const members of byDependency(needed)) {
    const [first] = members;
    if (first === undefined || down.has(first.resource)) continue;
    const reasons = members.map(({ member }) => whyDown(health.get(member), watched.has(member)));
    const [why] = reasons;
    if (why === undefined || why === null || reasons.includes(null)) continue;
    down.set(first.resource, { resource: first.dependency, why });
  }
  return down;
}

/** What each resource needs, member by member; they come in this order. */
function byDependency(needed: readonly Needed[]): Needed[][] {
  const groups = new Map<string, Needed[]>();
  for (const one of needed) {
    const key = `${one.resource} ${one.dependency}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** Why one thinks that a resource is down; null: it is well, or nobody says otherwise. */
function whyDown(health: Health | undefined, isWatched: boolean): string | null {
  if (health?.isActing === true) return 'is being acted on';
  if (health?.isFiring === true) return 'is firing';
  if (health?.isRunning === false) return 'does not run';
  if (health?.isUnknown === true) return 'is not known to be well: its verdicts are unknown';
  return isWatched && health?.isJudged !== true
    ? 'is not known to be well: no verdict of it came yet'
    : null;
}

/** Those that a policy in force looks at which says that something is down, not one that only tells people. */
async function loadWatched(db: Db, needed: readonly Needed[]): Promise<Set<string>> {
  const policies = await query<{ document: Policy }>(
    db,
    `select document from policies
      where deleted_at is null and implied_by is null and namespace = any($1)`,
    [[...new Set(needed.map(({ namespace }) => namespace))]],
  );
  const inForce = policies.filter(
    ({ document: { enabled, steps } }) =>
      enabled !== false && steps.some(({ action }) => action !== NOTIFY),
  );
  const isWatched = (one: Needed): boolean =>
    inForce.some(({ document }) => isTarget(document, one));
  return new Set(needed.filter(isWatched).map(({ member }) => member));
}
