import type { Notice } from '../domain/notice';
import type { Severity } from '../domain/policy/policy';
import { query, type Db } from './database';

/** A (policy, resource), or an action, that is held. Times are epoch ms. */
export interface HeldRow {
  namespace: string;
  resource: string;
  policy: string | null;
  actionId: string | null;
  severity: Severity;
  gate: string | null;
  detail: string | null;
  until: number | null;
  since: number;
}

const LOCK = 7_846_152;

/** These gates have a reason of their own to tell people. */
const TOLD_OTHERWISE = ['attempts_exhausted', 'breaker_open', 'storm'];

/**
 * What a policy wants and a gate holds, and what waits for a slot. A hold counts from where the
 * condition became true, if that came later: what held it the time before is no matter.
 */
const HELD = `
  select p.namespace, e.resource, e.policy, null::uuid as "actionId", v.severity, e.held_gate as gate,
         e.held_detail as detail, e.held_until as until, greatest(e.held_since, v.since) as since
    from episodes e
    join verdicts v on v.resource = e.resource and v.policy = e.policy and v.verdict = 'true'
    join policies p on p.policy = e.policy and p.deleted_at is null
   where e.held_gate is not null and e.held_gate <> all($1::text[])
     and e.generation = (select max(x.generation) from episodes x
                          where x.resource = e.resource and x.policy = e.policy)
     and not p.document @> '{"enabled": false}' and not p.document @> '{"mode": "dry-run"}'
  union all
  select r.plan ->> 'namespace', r.resource, r.policy, r.action_id, r.severity, r.held_gate,
         r.held_detail, r.held_until, r.created_at
    from requests r
   where r.state = 'open' and not r.plan @> '{"dryRun": true}'
     and (r.held_gate is null or r.held_gate <> all($1::text[]))`;

/** False: another process is looking for standing reasons; until the transaction ends nobody else does. */
export async function lockStanding(db: Db): Promise<boolean> {
  const [lock] = await query<{ held: boolean }>(
    db,
    'select pg_try_advisory_xact_lock($1) as held',
    [LOCK],
  );
  return lock?.held === true;
}

/** What has been held longer than that and nobody was told of. */
export async function longHeld(db: Db, heldAfterMs: number): Promise<HeldRow[]> {
  return query<HeldRow & Record<string, unknown>>(
    db,
    `select h.* from (${HELD}) h
      where h.since < clock_timestamp() - make_interval(secs => $2::float8 / 1000)
        and not exists (select 1 from notices n
          where n.kind = 'held' and n.state in ('new', 'open') and not n.resolved and n.resource = h.resource
            and n.policy is not distinct from h.policy
            and (h.policy is not null or n.action_id = h."actionId"))
      order by h.since limit 500`,
    [TOLD_OTHERWISE, heldAfterMs],
  );
}

export type OpenIncident = Omit<Notice, 'text' | 'isResolved'>;

const INCIDENT = `n.kind, n.key, n.namespace, n.resource, n.policy, n.action_id as "actionId", n.severity, n.title`;
const IS_OPEN = `n.state = 'open' and not exists (
  select 1 from notices e where e.key = n.key and e.state = 'new' and e.resolved)`;

/** Incidents `held` of what is held no longer. */
export async function heldNoMore(db: Db): Promise<OpenIncident[]> {
  return query<OpenIncident & Record<string, unknown>>(
    db,
    `select ${INCIDENT} from notices n
      where n.kind = 'held' and ${IS_OPEN}
        and not exists (select 1 from (${HELD}) h
          where h.resource = n.resource and h.policy is not distinct from n.policy
            and (h.policy is not null or h."actionId" = n.action_id))`,
    [TOLD_OTHERWISE],
  );
}

/**
 * Incidents of a policy on a resource whose condition is false, or that are both no more; an
 * inconclusive one also when a later action helped.
 */
export async function clearedIncidents(db: Db): Promise<OpenIncident[]> {
  return query<OpenIncident & Record<string, unknown>>(
    db,
    `select ${INCIDENT} from notices n
      where n.kind in ('policy', 'inconclusive', 'attempts_exhausted') and ${IS_OPEN}
        and n.policy is not null and n.resource is not null
        and (not exists (select 1 from verdicts v join policies p using (policy)
               where v.resource = n.resource and v.policy = n.policy and v.verdict <> 'false'
                 and p.deleted_at is null)
          or (n.kind = 'inconclusive' and exists (select 1 from requests r
               where r.resource = n.resource and r.policy = n.policy and r.outcome = 'succeeded'
                 and r.closed_at > n.created_at)))`,
  );
}

/** Held revisions that wait no longer: let through, taken back, or in the place of which another one waits. */
export async function prunesNoMore(db: Db): Promise<OpenIncident[]> {
  return query<OpenIncident & Record<string, unknown>>(
    db,
    `select ${INCIDENT} from notices n
      where n.kind = 'prune_held' and ${IS_OPEN} and not exists (select 1 from sources s
        where n.key = 'prune:' || s.source || ':' || s.held_checksum)`,
  );
}

/** Asked-for approvals that nobody has to give any more. */
export async function decidedApprovals(db: Db): Promise<OpenIncident[]> {
  return query<OpenIncident & Record<string, unknown>>(
    db,
    `select ${INCIDENT} from notices n join requests r on r.action_id = n.action_id
      where n.kind = 'approval_wanted' and ${IS_OPEN} and r.state <> 'awaiting_approval'`,
  );
}
