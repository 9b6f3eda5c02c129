import type { Group } from '../domain/group';
import type { Policy } from '../domain/policy/policy';
import { isTarget, type TargetCandidate } from '../domain/policy/targets';
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
  const members = selections.flatMap((selection) =>
    resources
      .filter((resource) => isTarget(selection, resource))
      .map(({ resource }) => ({ id: selection.id, resource })),
  );
  const columns = [members.map(({ id }) => id), members.map(({ resource }) => resource)];
  await query(
    db,
    `delete from group_members where (group_id, resource) not in
       (select * from unnest($1::text[], $2::text[]))`,
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
  const groups = await listDefinitions(db, 'Group');
  const policies = await query<{ document: Policy }>(
    db,
    `select document from policies
      where deleted_at is null and document -> 'limits' ? 'maxUnhealthy'`,
  );
  return [
    ...groups.map(({ key, namespace, members }) => ({
      id: groupId(key),
      namespace,
      target: members,
    })),
    ...policies
      .map(({ document }) => document)
      .filter(hasLimitOverTargets)
      .map(({ key, namespace, target }) => ({ id: targetsId(key), namespace, target })),
  ];
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
