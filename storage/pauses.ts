import { query, type Db } from './database';

/** A pause of `*`, a resource, a Service or a Group; times in epoch ms, `until` null: until resumed. */
export interface PauseRow {
  scope: string;
  reason: string;
  actor: string;
  pausedAt: number;
  until: number | null;
}

const COLUMNS = `scope, reason, actor, paused_at as "pausedAt", until`;

/** The pauses that count at `now` (epoch ms). */
export async function listPauses(db: Db, now: number): Promise<PauseRow[]> {
  return query<PauseRow>(
    db,
    `select ${COLUMNS} from pauses where until is null or until > to_timestamp($1 / 1000.0) order by scope`,
    [now],
  );
}

/** Writes a pause; a pause of the same scope is replaced. */
export async function putPause(
  db: Db,
  pause: Pick<PauseRow, 'scope' | 'reason' | 'actor' | 'until'>,
): Promise<PauseRow> {
  const [row] = await query<PauseRow>(
    db,
    `insert into pauses (scope, reason, actor, until) values ($1, $2, $3, to_timestamp($4 / 1000.0))
     on conflict (scope) do update set reason = excluded.reason, actor = excluded.actor,
       paused_at = now(), until = excluded.until
     returning ${COLUMNS}`,
    [pause.scope, pause.reason, pause.actor, pause.until],
  );
  if (row === undefined) throw new Error('insert returned no row');
  return row;
}

/** Ends a pause; false when there was none. One that had run out counts as none, but goes too. */
export async function deletePause(db: Db, scope: string, now: number): Promise<boolean> {
  const rows = await query<{ counted: boolean }>(
    db,
    `delete from pauses where scope = $1
     returning until is null or until > to_timestamp($2 / 1000.0) as counted`,
    [scope, now],
  );
  return rows[0]?.counted ?? false;
}

/** Whether a pause of that scope would cover anything: everything, a resource, a Service or a Group. */
export async function scopeExists(db: Db, scope: string): Promise<boolean> {
  if (scope === '*') return true;
  const rows = await query(
    db,
    `select 1 from resources where deleted_at is null
       and (resource = $1 or namespace || '/' || service = $1)
     union all select 1 from definitions where kind = 'Group' and key = $1
     union all select 1 from series where owner = $1 limit 1`,
    [scope],
  );
  return rows.length > 0;
}

const IN_SCOPE = `($1 = '*' or w.resource = $1 or split_part(w.resource, '@', 1) = $1
  or exists (select 1 from group_members m where m.group_id = 'group:' || $1 and m.resource = w.resource))`;

/** Resources in scope with an episode that the gate `paused` holds. */
export async function heldByPause(db: Db, scope: string): Promise<string[]> {
  const rows = await query<{ resource: string }>(
    db,
    `select distinct w.resource from episodes w where w.held_gate = 'paused' and ${IN_SCOPE} order by 1`,
    [scope],
  );
  return rows.map((row) => row.resource);
}

/** Ids of the actions in scope that wait for a person or for a slot. */
export async function waitingActions(db: Db, scope: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `select w.action_id as id from requests w
     where w.state in ('awaiting_approval', 'open') and ${IN_SCOPE} order by w.created_at`,
    [scope],
  );
  return rows.map((row) => row.id);
}
