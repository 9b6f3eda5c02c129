import type { Pool } from 'pg';
import { isIncident, type Notice } from '../domain/notice';
import { inTransaction, query, type Db } from './database';

/** One notifier routes at a time; the others leave it to the one. */
const LOCK = 7_846_150;
const BATCH = 200;

/** That a channel is to tell a notice. */
export interface RoutedTo {
  channel: string;
  groupKey: string;
  waitMs: number;
  repeatMs: number | null;
}

export type StoredNotice = Notice & { id: number };

/** `opened`, `said` (nothing ends it), `repeated` (told already), `ended`, `idle` (there was no incident to end). */
export type Fate = 'opened' | 'said' | 'repeated' | 'ended' | 'idle';

export interface Routed {
  notice: StoredNotice;
  fate: Fate;
  channels: string[];
}

/**
 * Takes the notices that nobody has looked at, in order, keeps the incidents, and writes who tells
 * what. Answers what became of each; empty when another process is at it.
 */
export async function routeNotices(
  pool: Pool,
  targetsOf: (notice: Notice) => RoutedTo[],
): Promise<Routed[]> {
  return inTransaction(pool, async (db) => {
    const [lock] = await query<{ held: boolean }>(
      db,
      'select pg_try_advisory_xact_lock($1) as held',
      [LOCK],
    );
    if (lock?.held !== true) return [];
    const routed: Routed[] = [];
    for (const notice of await loadNew(db)) {
      const fate = notice.isResolved ? await end(db, notice) : await begin(db, notice, targetsOf);
      routed.push({ notice, ...fate });
    }
    return routed;
  });
}

async function loadNew(db: Db): Promise<StoredNotice[]> {
  return query<StoredNotice>(
    db,
    `select id, kind, key, namespace, resource, policy, action_id as "actionId", severity, title,
            text, resolved as "isResolved", channel
       from notices where state = 'new' order by id limit $1`,
    [BATCH],
  );
}

type Became = Omit<Routed, 'notice'>;

async function begin(
  db: Db,
  notice: StoredNotice,
  targetsOf: (notice: Notice) => RoutedTo[],
): Promise<Became> {
  const opening = isIncident(notice) ? await findOpen(db, notice.key) : null;
  if (opening !== null) {
    await setState(db, notice.id, 'repeat', opening);
    return { fate: 'repeated', channels: [] };
  }
  await setState(db, notice.id, isIncident(notice) ? 'open' : 'closed', null);
  const targets = targetsOf(notice);
  for (const target of targets) await insertDelivery(db, notice.id, target);
  await admitMissing(db, notice, targets);
  return {
    fate: isIncident(notice) ? 'opened' : 'said',
    channels: targets.map(({ channel }) => channel),
  };
}

/** A notice for a channel that is not configured is not lost in silence. */
async function admitMissing(
  db: Db,
  { id, channel }: StoredNotice,
  targets: readonly RoutedTo[],
): Promise<void> {
  if (channel === null || channel === undefined) return;
  if (targets.some((target) => target.channel === channel)) return;
  await query(
    db,
    `insert into notice_deliveries (notice_id, channel, group_key, state, due_at, error)
     values ($1, $2, '', 'given_up', clock_timestamp(), 'no channel of this name is configured')`,
    [id, channel],
  );
}

async function insertDelivery(db: Db, id: number, target: RoutedTo): Promise<void> {
  await query(
    db,
    `insert into notice_deliveries (notice_id, channel, group_key, due_at, repeat_ms)
     values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000), $5)`,
    [id, target.channel, target.groupKey, target.waitMs, target.repeatMs],
  );
}

/**
 * Ends the incident: only who told its beginning, or is at it, tells its end. What had not been told
 * yet is dropped with it.
 */
async function end(db: Db, notice: StoredNotice): Promise<Became> {
  const opening = await findOpen(db, notice.key);
  await setState(db, notice.id, 'end', opening);
  if (opening === null) return { fate: 'idle', channels: [] };
  await setState(db, opening, 'closed', null);
  const told = await query<{ channel: string }>(
    db,
    `insert into notice_deliveries (notice_id, channel, group_key, due_at)
     select $2, channel, group_key, clock_timestamp() from notice_deliveries
      where notice_id = $1 and (told_at is not null or maybe_told or leased_until > clock_timestamp())
     returning channel`,
    [opening, notice.id],
  );
  await query(
    db,
    `update notice_deliveries
        set state = case when told_at is null then 'dropped' else 'sent' end, repeat_ms = null
      where notice_id = $1 and state = 'waiting'
        and (leased_until is null or leased_until < clock_timestamp())`,
    [opening],
  );
  return { fate: 'ended', channels: told.map(({ channel }) => channel) };
}

async function findOpen(db: Db, key: string): Promise<number | null> {
  const [row] = await query<{ id: number }>(
    db,
    `select id from notices where key = $1 and state = 'open'`,
    [key],
  );
  return row?.id ?? null;
}

async function setState(
  db: Db,
  id: number,
  state: 'open' | 'closed' | 'repeat' | 'end',
  opening: number | null,
): Promise<void> {
  await query(
    db,
    `update notices set state = $2, opening = $3,
            closed_at = case when $2 = 'closed' then clock_timestamp() end
      where id = $1`,
    [id, state, opening],
  );
}
