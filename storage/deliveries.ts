import { query, type Db } from './database';

/** Notes, in the transaction that enqueues it, which version of its verdict set a workflow is sent. */
export async function markSent(
  db: Db,
  sent: readonly { resource: string; version: number }[],
  now: number,
): Promise<void> {
  await query(
    db,
    `insert into deliveries (resource, sent_version, sent_at)
     select resource, version, to_timestamp($3::float8 / 1000)
     from unnest($1::text[], $2::bigint[]) as r(resource, version)
     on conflict (resource) do update set sent_version = excluded.sent_version, sent_at = excluded.sent_at`,
    [sent.map((s) => s.resource), sent.map((s) => s.version), now],
  );
}

/** What was sent before `before` (epoch ms), was not handled, and no longer waits in the outbox. */
export async function loadUnhandled(
  db: Db,
  before: number,
): Promise<{ resource: string; version: number }[]> {
  return query(
    db,
    `select resource, sent_version as version from deliveries d
     where sent_version <> handled_version and sent_at < to_timestamp($1::float8 / 1000)
       -- Only a true verdict makes a workflow act: one that missed a false one asks before it acts.
       and exists (select 1 from verdicts v where v.resource = d.resource and v.verdict = 'true')
       and not exists (select 1 from outbox o
         where o.workflow_id = 'resource/' || d.resource and o.kind = 'verdictsChanged')
     order by sent_at limit 1000`,
    [before],
  );
}

/** Resources whose workflow has to run (a true verdict, an open request, a slot) and is not about to be started. */
export async function loadNeedingWorkflow(db: Db): Promise<string[]> {
  const rows = await query<{ resource: string }>(
    db,
    `select resource from (
       select resource from verdicts where verdict = 'true'
       union select resource from requests where state in ('awaiting_approval', 'open', 'granted')
       union select q.resource from slots s join requests q using (action_id)) needing
     where not exists (select 1 from outbox o
       where o.workflow_id = 'resource/' || needing.resource and o.starts)
     order by resource`,
  );
  return rows.map((row) => row.resource);
}

/** Records the verdict version that a workflow has handled; never lowers what is recorded. */
export async function recordHandled(db: Db, resource: string, version: number): Promise<void> {
  await query(
    db,
    `update deliveries set handled_version = $2 where resource = $1 and handled_version < $2`,
    [resource, version],
  );
}

/** The run that handled it is lost: the sweep sends the verdicts again. */
export async function forgetHandled(db: Db, resource: string): Promise<void> {
  await query(db, 'update deliveries set handled_version = 0 where resource = $1', [resource]);
}
