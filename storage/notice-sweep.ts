import { query, type Db } from './database';

/** A channel that no worker has is given up that much later than one that only fails. */
const GRACE_MS = 600_000;

/** Incidents that stand and whose channel tells them again; `refresh`: channel → ms, whatever the route says. */
export async function remind(db: Db, refresh: Readonly<Record<string, number>>): Promise<void> {
  await query(
    db,
    `update notice_deliveries d set state = 'waiting', due_at = clock_timestamp(), attempts = 0
       from notices n
      where n.id = d.notice_id and n.state = 'open' and d.state = 'sent'
        and d.sent_at < clock_timestamp()
          - make_interval(secs => least(d.repeat_ms, ($1::jsonb ->> d.channel)::float8) / 1000)`,
    [JSON.stringify(refresh)],
  );
}

/** Gives up what waits for a channel that no worker has; answers how many. */
export async function giveUpForgotten(db: Db, giveUpAfterMs: number): Promise<number> {
  const rows = await query(
    db,
    `update notice_deliveries d
        set state = 'given_up', error = coalesce(d.error, 'no worker has a channel of this name')
       from notices n
      where n.id = d.notice_id and d.state = 'waiting'
        and (d.leased_until is null or d.leased_until < clock_timestamp())
        and greatest(n.created_at, d.sent_at) < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
     returning 1`,
    [giveUpAfterMs + GRACE_MS],
  );
  return rows.length;
}

/** Drops old notices with their deliveries; never one whose incident stands. */
export async function dropOldNotices(db: Db, retentionMs: number): Promise<void> {
  await query(
    db,
    `delete from notices n
      where n.created_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
        and n.state in ('closed', 'repeat', 'end')
        and not exists (select 1 from notices o where o.id = n.opening and o.state = 'open')`,
    [retentionMs],
  );
}

/** Deliveries that wait, by channel. */
export async function countWaiting(db: Db): Promise<number> {
  const [row] = await query<{ waiting: number }>(
    db,
    `select count(*) as waiting from notice_deliveries where state = 'waiting'`,
  );
  return row?.waiting ?? 0;
}

/** Says which channels there are, for people. */
export async function showChannels(
  db: Db,
  channels: readonly { name: string; type: string }[],
): Promise<void> {
  for (const { name, type } of channels) {
    await query(
      db,
      `insert into notice_channels (channel, type) values ($1, $2)
       on conflict (channel) do update set type = excluded.type, seen_at = clock_timestamp()`,
      [name, type],
    );
  }
}
