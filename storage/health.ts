import { query, type Db } from './database';

/** What is known of how a resource is. Times are epoch ms. */
export interface Health {
  resource: string;
  /** It holds a slot. */
  isActing: boolean;
  /** A condition has been true for its `for`. */
  isFiring: boolean;
  /** There are verdicts, and all of them are unknown. */
  isUnknown: boolean;
  /** There is a verdict at all. */
  isJudged: boolean;
  /** As its observer saw it last; null: it was not seen. */
  isRunning: boolean | null;
  /** When the first condition that is true now became true; null: none is. */
  onset: number | null;
}

/**
 * Policies whose verdicts say that a resource is unwell: not those that only tell people, and not
 * drift, which is no reason to believe that it is down.
 */
const COUNTS = `p.deleted_at is null and p.implied_by is null
  and coalesce((p.document -> 'enabled')::boolean, true)
  and jsonb_path_exists(p.document, '$.steps[*] ? (@.action != "notify")')`;

/** How each of these resources is, at `now` (epoch ms). */
export async function loadHealth(
  db: Db,
  resources: readonly string[],
  now: number,
): Promise<Map<string, Health>> {
  const rows = await query<Health & Record<string, unknown>>(
    db,
    `select r.resource,
            exists (select 1 from slots s where s.target = r.resource) as "isActing",
            coalesce(bool_or(v.verdict = 'true' and v.since <= to_timestamp($2::float8 / 1000)
              - coalesce((p.document #>> '{condition,forMs}')::float8, 0) * interval '1 ms'), false) as "isFiring",
            coalesce(bool_and(v.verdict = 'unknown'), false) as "isUnknown",
            count(v.policy) > 0 as "isJudged",
            (select (observed ->> 'isRunning')::boolean from states t where t.resource = r.resource
               and not (observed ->> 'isAbsent')::boolean) as "isRunning",
            min(v.since) filter (where v.verdict = 'true') as onset
       from unnest($1::text[]) as r (resource)
       left join (verdicts v join policies p on p.policy = v.policy and ${COUNTS})
         on v.resource = r.resource
      group by r.resource`,
    [resources, now],
  );
  return new Map(rows.map((row) => [row.resource, row]));
}

/** Firing, acting or unknown. */
export function isUnhealthy({ isActing, isFiring, isUnknown }: Health): boolean {
  return isActing || isFiring || isUnknown;
}
