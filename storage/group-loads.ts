import type { GroupLoad } from '../domain/action/group-load';
import type { Group } from '../domain/group';
import type { Policy } from '../domain/policy/policy';
import { listDefinitions } from './definitions';
import { query, type Db } from './database';
import { groupId, hasLimitOverTargets, targetsId } from './groups';
import { isUnhealthy, loadHealth } from './health';

export interface Claim {
  policy: string | null;
  resource: string;
}

export interface GroupFacts {
  /** By id. */
  loads: Map<string, GroupLoad>;
  /** Ids of the groups whose limits hold for an action: those of its target, and those of its policy. */
  groupsOf: (claim: Claim) => string[];
}

type Limited = Pick<GroupLoad, 'name' | 'key' | 'limits' | 'storm'> & {
  /** Id of the group whose guests count here as well. */
  guestsOf: string;
};

/**
 * The groups that have a say in these claims, with how their members are at `now` (epoch ms).
 *
 * @param also ids of groups that are wanted whoever asks
 */
export async function loadGroupLoads(
  db: Db,
  claims: readonly Claim[],
  { now, also = [] }: { now: number; also?: readonly string[] },
): Promise<GroupFacts> {
  const policies = await loadPolicies(db, claims);
  const limited = await loadLimited(db, policies);
  const named = [...new Set([...also, ...[...policies.values()].flatMap(idsOfPolicy)])];
  if (limited.size === 0) return { loads: new Map(), groupsOf: () => [] };
  const memberships = await query<{ id: string; resources: string[] }>(
    db,
    `select group_id as id, array_agg(resource) as resources from group_members
      where group_id = any($1) and (group_id = any($2) or group_id in
        (select group_id from group_members where resource = any($3)))
      group by group_id`,
    [[...limited.keys()], named, claims.map(({ resource }) => resource)],
  );
  const members = new Map(named.map((id) => [id, new Set<string>()]));
  for (const { id, resources } of memberships) members.set(id, new Set(resources));
  const loads = await loadsOf(db, { limited, members, now });
  return {
    loads,
    groupsOf({ policy, resource }) {
      const own = [...loads.keys()].filter(
        (id) => id.startsWith('group:') && members.get(id)?.has(resource) === true,
      );
      const document = policy === null ? undefined : policies.get(policy);
      const asked = document === undefined ? [] : idsOfPolicy(document);
      return [...new Set([...own, ...asked.filter((id) => loads.has(id))])];
    },
  };
}

async function loadPolicies(db: Db, claims: readonly Claim[]): Promise<Map<string, Policy>> {
  const keys = [...new Set(claims.flatMap(({ policy }) => (policy === null ? [] : [policy])))];
  const rows = await query<{ document: Policy }>(
    db,
    'select document from policies where policy = any($1)',
    [keys],
  );
  return new Map(rows.map(({ document }) => [document.key, document]));
}

function idsOfPolicy(policy: Policy): string[] {
  const { group } = policy.limits;
  return [
    ...(group === undefined ? [] : [groupId(group)]),
    ...(hasLimitOverTargets(policy) ? [targetsId(policy.key)] : []),
  ];
}

/** Every Group, and the targets of these policies where a limit is over all of them. */
async function loadLimited(
  db: Db,
  policies: ReadonlyMap<string, Policy>,
): Promise<Map<string, Limited>> {
  const limited = new Map<string, Limited>();
  const made = await loadMade(db, policies);
  for (const { key, limits, storm } of await listDefinitions(db, 'Group')) {
    limited.set(groupId(key), { ...named(key), limits, storm });
  }
  for (const policy of policies.values()) {
    const { group } = policy.limits;
    if (group !== undefined && !limited.has(groupId(group))) {
      limited.set(groupId(group), made.has(groupId(group)) ? implicit(group) : lost(group));
    }
    if (!hasLimitOverTargets(policy)) continue;
    const { maxUnhealthy } = policy.limits;
    const limits: Group['limits'] = maxUnhealthy === undefined ? {} : { maxUnhealthy };
    const name = group === undefined ? `the targets of ${policy.key}` : `group ${group}`;
    const id = targetsId(policy.key);
    const guestsOf = group === undefined ? id : groupId(group);
    limited.set(id, { name, key: null, limits, storm: null, guestsOf });
  }
  return limited;
}

/** Which of the groups that the policies name have members, whoever made them. */
async function loadMade(db: Db, policies: ReadonlyMap<string, Policy>): Promise<Set<string>> {
  const named = [...policies.values()].flatMap(({ limits: { group } }) =>
    group === undefined ? [] : [groupId(group)],
  );
  if (named.length === 0) return new Set();
  const rows = await query<{ id: string }>(
    db,
    'select distinct group_id as id from group_members where group_id = any($1)',
    [named],
  );
  return new Set(rows.map(({ id }) => id));
}

function named(key: string): Pick<Limited, 'name' | 'key' | 'guestsOf'> {
  return { name: `group ${key}`, key, guestsOf: groupId(key) };
}

/** Made by a Service on several hosts: it has members, and no limits of its own. */
function implicit(key: string): Limited {
  return { ...named(key), limits: {}, storm: null };
}

/** A policy was promised the limits of a group that is not there: it must not act without them. */
function lost(key: string): Limited {
  const name = `group ${key}, which no manifest describes:`;
  const limits = { maxConcurrent: { kind: 'count', count: 0 } } as const;
  return { ...named(key), name, limits, storm: null };
}

async function loadsOf(
  db: Db,
  {
    limited,
    members,
    now,
  }: {
    limited: ReadonlyMap<string, Limited>;
    members: ReadonlyMap<string, ReadonlySet<string>>;
    now: number;
  },
): Promise<Map<string, GroupLoad>> {
  const health = await loadHealth(
    db,
    [...new Set([...members.values()].flatMap((m) => [...m]))],
    now,
  );
  const guests = await loadGuests(
    db,
    [...limited.values()].map(({ guestsOf }) => guestsOf),
  );
  const loads = new Map<string, GroupLoad>();
  for (const [id, resources] of members) {
    const one = limited.get(id);
    if (one === undefined) continue;
    const all = [...resources].flatMap((resource) => health.get(resource) ?? []);
    const visiting = guests.get(one.guestsOf) ?? [];
    loads.set(id, {
      ...one,
      members: resources.size,
      keys: resources,
      unhealthy: new Set([...all.filter(isUnhealthy).map((h) => h.resource), ...visiting]),
      acting: new Set([...all.filter((h) => h.isActing).map((h) => h.resource), ...visiting]),
      onsets: all.flatMap(({ onset }) => (onset === null ? [] : [onset])),
    });
  }
  return loads;
}

/** Targets that are no members and yet count: a policy that names the group acts on them. */
async function loadGuests(db: Db, ids: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await query<{ id: string; targets: string[] }>(
    db,
    `select 'group:' || (p.document #>> '{limits,group}') as id, array_agg(s.target) as targets
       from slots s join policies p on p.policy = s.policy
      where 'group:' || (p.document #>> '{limits,group}') = any($1) group by 1`,
    [ids],
  );
  return new Map(rows.map(({ id, targets }) => [id, targets]));
}
