import { query, type Db } from './database';

/** From now (epoch ms) on, a series counts only once it has a sample since. Nothing is degraded yet. */
export async function markApiStarted(db: Db, now: number): Promise<void> {
  await query(
    db,
    `insert into control_plane (api_started_at) values (to_timestamp($1::float8 / 1000))
     on conflict (singleton) do update set
       api_started_at = excluded.api_started_at, degraded_reason = null, updated_at = now()`,
    [now],
  );
}

/** The api receives again after a break: a series counts only once it has a sample since. */
export async function markReceiving(db: Db, now: number): Promise<void> {
  await query(
    db,
    'update control_plane set api_started_at = to_timestamp($1::float8 / 1000), updated_at = now()',
    [now],
  );
}

/** Since when the api has been receiving samples, epoch ms; -Infinity when none has ever started. */
export async function loadReceivingSince(db: Db): Promise<number> {
  const [row] = await query<{ api_started_at: number }>(
    db,
    'select api_started_at from control_plane',
  );
  return row?.api_started_at ?? -Infinity;
}

/** Null: not degraded. */
export async function setDegraded(db: Db, reason: string | null): Promise<void> {
  await query(
    db,
    `update control_plane set degraded_reason = $1, updated_at = now()
     where degraded_reason is distinct from $1`,
    [reason],
  );
}

/** Age of the oldest message in the outbox, in seconds; 0 when it is empty. */
export async function outboxAgeSeconds(db: Db): Promise<number> {
  const [row] = await query<{ age: number | null }>(
    db,
    `select extract(epoch from clock_timestamp() - min(created_at))::float8 as age from outbox`,
  );
  return row?.age ?? 0;
}

/** True when some request waits for admission. */
export async function hasOpenRequest(db: Db): Promise<boolean> {
  const rows = await query(db, `select 1 from requests where state = 'open' limit 1`);
  return rows.length > 0;
}
