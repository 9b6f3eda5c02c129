import { implicitGroup, type Group } from '../domain/group';
import type { Policy } from '../domain/policy/policy';
import { indexTargets, type TargetCandidate } from '../domain/policy/targets';
import { listDefinitions } from './definitions';
import { query, type Db } from './database';

/** Who is in which group: written with each revision, so that the gates need not look for it. */

export function groupId(key: string): string {
  return `group:${key}`;
}

/** Of the targets of a policy that has a limit over all of them. */
export function targetsId(policy: string): string {
  return `policy:${policy}`;
}

/** Whether a policy's limits look at all of its targets together. */
export function hasLimitOverTargets({ limits }: Pick<Policy, 'limits'>): boolean {
  return limits.maxUnhealthy !== undefined;
}

interface Selection {
  id: string;
  namespace: string;
  target: Group['members'];
}

/** Makes the memberships those of the manifests as they are in this transaction. */
export async function refreshMembers(db: Db): Promise<void> {
  const selections = await loadSelections(db);
  const resources =
    selections.length === 0
      ? []
      : await query<TargetCandidate & { resource: string }>(
          db,
          `select resource, namespace, name, service, labels from resources
            where deleted_at is null and namespace = any($1)`,
          [[...new Set(selections.map(({ namespace }) => namespace))]],
        );
  const meantBy = indexTargets(resources);
  const members = selections.flatMap((selection) =>
    meantBy(selection).map(({ resource }) => ({ id: selection.id, resource })),
  );
  const columns = [members.map(({ id }) => id), members.map(({ resource }) => resource)];
  await query(
    db,
    `delete from group_members m where not exists (
       select 1 from unnest($1::text[], $2::text[]) as k (group_id, resource)
        where k.group_id = m.group_id and k.resource = m.resource)`,
    columns,
  );
  await query(
    db,
    `insert into group_members (group_id, resource) select * from unnest($1::text[], $2::text[])
     on conflict do nothing`,
    columns,
  );
}

async function loadSelections(db: Db): Promise<Selection[]> {
  const groups = await loadGroups(db);
  const policies = await query<{ document: Policy }>(
    db,
    `select document from policies
      where deleted_at is null and document -> 'limits' ? 'maxUnhealthy'`,
  );
  return [
    ...[...groups.values()].map(({ key, namespace, members }) => ({
      id: groupId(key),
      namespace,
      target: members,
    })),
    ...policies.map(({ document }) => selectionOf(document, groups)),
  ];
}

/** By key: the Groups in force, and those that Services on several hosts make. */
async function loadGroups(db: Db): Promise<Map<string, Group>> {
  const services = await query<{ namespace: string; service: string }>(
    db,
    `select distinct namespace, service from resources where deleted_at is null and host is not null`,
  );
  const made = services.map(({ namespace, service }) => implicitGroup(namespace, service));
  const all = [...made, ...(await listDefinitions(db, 'Group'))];
  return new Map(all.map((group) => [group.key, group]));
}

/** Whom a policy's own `maxUnhealthy` counts: the members of the group that it names, else its targets. */
function selectionOf(
  { key, namespace, target, limits }: Policy,
  groups: ReadonlyMap<string, Group>,
): Selection {
  const group = limits.group === undefined ? undefined : groups.get(limits.group);
  const id = targetsId(key);
  return group === undefined
    ? { id, namespace, target }
    : { id, namespace: group.namespace, target: group.members };
}

/** The Groups each of these resources is in, by resource. */
export async function loadGroupKeys(
  db: Db,
  resources: readonly string[],
): Promise<Map<string, string[]>> {
  const rows = await query<{ resource: string; keys: string[] }>(
    db,
    `select resource, array_agg(substr(group_id, 7) order by group_id) as keys from group_members
      where resource = any($1) and starts_with(group_id, 'group:') group by resource`,
    [resources],
  );
  return new Map(rows.map(({ resource, keys }) => [resource, keys]));
}
