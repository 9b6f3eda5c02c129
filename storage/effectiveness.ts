import { query, type Db } from './database';

/** How a policy's actions ended since a time (epoch ms): counts, never rates. Times are epoch ms. */

export interface OutcomeCount {
  outcome: string;
  actions: number;
  /** Of those that succeeded by a step: how many were false fixes. */
  fixes: number;
  falseFixes: number;
}

export async function countOutcomes(
  db: Db,
  policy: string,
  since: number,
): Promise<OutcomeCount[]> {
  return query<OutcomeCount>(
    db,
    `select outcome, count(*)::int as actions, count(fixed_by)::int as fixes,
            (count(*) filter (where fixed_by is not null and false_fix_at is not null))::int as "falseFixes"
       from action_results where policy = $1 and recorded_at >= to_timestamp($2::float8 / 1000)
      group by outcome order by outcome`,
    [policy, since],
  );
}

/** From when the condition became true until the fix was recorded, in ms; nulls: nothing was fixed. */
export async function timeToFix(
  db: Db,
  policy: string,
  since: number,
): Promise<{ median: number | null; p90: number | null; of: number }> {
  const [row] = await query<{ median: number | null; p90: number | null; of: number }>(
    db,
    `select percentile_cont(0.5) within group (order by ms) as median,
            percentile_cont(0.9) within group (order by ms) as p90, count(*)::int as of
       from (select extract(epoch from recorded_at - r.since)::float8 * 1000 as ms
               from action_results r where policy = $1 and fixed_by is not null
                and recorded_at >= to_timestamp($2::float8 / 1000)) fixed`,
    [policy, since],
  );
  return row ?? { median: null, p90: null, of: 0 };
}

export interface RungCount {
  /** 0-based. */
  step: number;
  action: string;
  tried: number;
  fixed: number;
  undone: number;
}

/** Steps that had their turn; one that people were told by was tried and fixes nothing. */
export async function countRungs(db: Db, policy: string, since: number): Promise<RungCount[]> {
  return query<RungCount>(
    db,
    `select (rung ->> 'step')::int as step, rung ->> 'action' as action, count(*)::int as tried,
            (count(*) filter (where fixed_by = (rung ->> 'step')::int))::int as fixed,
            (count(*) filter (where rung ->> 'undo' = 'restored'))::int as undone
       from action_results, jsonb_array_elements(rungs) rung
      where policy = $1 and recorded_at >= to_timestamp($2::float8 / 1000)
        and rung ->> 'result' not in ('cleared', 'stopped', 'foretold')
      group by 1, 2 order by 1, 2`,
    [policy, since],
  );
}

export interface FalseFix {
  actionId: string;
  resource: string;
  recordedAt: number;
  firedAgainAt: number;
}

/** The newest first. */
export async function listFalseFixes(
  db: Db,
  policy: string,
  { since, limit }: { since: number; limit: number },
): Promise<FalseFix[]> {
  return query<FalseFix>(
    db,
    `select action_id as "actionId", resource, recorded_at as "recordedAt", false_fix_at as "firedAgainAt"
       from action_results
      where policy = $1 and false_fix_at is not null and recorded_at >= to_timestamp($2::float8 / 1000)
      order by recorded_at desc limit $3`,
    [policy, since, limit],
  );
}
