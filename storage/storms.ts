import { stormUntil } from '../domain/action/group-load';
import { parseResourceKey } from '../domain/resource';
import { insertAudit } from './audit';
import { query, type Db } from './database';
import { loadGroupLoads } from './group-loads';
import { groupId } from './groups';
import { insertNotice } from './notices';

/** Storms are found anew at each look; the rows only remember which were told to people. */

/** Says that a storm holds actions of a group, once until it passed. */
export async function openStorm(db: Db, group: string, reason: string): Promise<void> {
  const opened = await query(
    db,
    'insert into storms (group_key) values ($1) on conflict do nothing returning 1',
    [group],
  );
  if (opened.length > 0) await tell(db, group, { isOpening: true, reason });
}

/** Whether some storm was told and not yet ended. */
export async function hasStorm(db: Db): Promise<boolean> {
  return (await query(db, 'select 1 from storms limit 1')).length > 0;
}

/** Ends the storms that have passed at `now` (epoch ms). */
export async function closeStorms(db: Db, now: number): Promise<void> {
  const open = await query<{ key: string }>(db, 'select group_key as key from storms');
  if (open.length === 0) return;
  const also = open.map(({ key }) => groupId(key));
  const { loads } = await loadGroupLoads(db, [], { now, also });
  for (const { key } of open) {
    const load = loads.get(groupId(key));
    if (load !== undefined && stormUntil(load, now) !== null) continue;
    await query(db, 'delete from storms where group_key = $1', [key]);
    await tell(db, key, { isOpening: false, reason: 'what failed together did so a while ago' });
  }
}

async function tell(
  db: Db,
  key: string,
  { isOpening, reason }: { isOpening: boolean; reason: string },
): Promise<void> {
  const { namespace } = parseResourceKey(key);
  await insertAudit(db, [
    {
      ...{ namespace, resource: null, policy: null, actionId: null, step: -1 },
      event: isOpening ? 'storm_opened' : 'storm_closed',
      ...{ actor: 'vigil', door: 'worker', correlationId: null, policyRevision: null },
      details: { group: key, reason },
    },
  ]);
  await insertNotice(db, {
    kind: 'storm_open',
    key: `storm:${key}`,
    ...{ namespace, resource: null, policy: null, actionId: null, severity: 'critical' },
    title: isOpening
      ? `Storm in ${key}: nothing is done to its members`
      : `The storm in ${key} passed`,
    text: isOpening
      ? `${reason}.\nSo many failures at once have a cause elsewhere: a network, a power supply, a release. Actions wait until it passes; look for that cause.`
      : 'Actions that waited are decided anew.',
    isResolved: !isOpening,
  });
}
