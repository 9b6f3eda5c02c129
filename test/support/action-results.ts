import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { RungRecord } from '../../domain/action/ladder';
import { query } from '../../storage/database';

export interface Made {
  outcome: string;
  fixedBy?: number | null;
  rungs?: RungRecord[];
  /** From when the condition became true to recorded, ms. */
  tookMs?: number;
  agoMs?: number;
  isFalse?: boolean;
  revision?: number;
}

/** A closed request of a policy on `default/web`, and its result, as `record` leaves them; answers its id. */
export async function makeResult(pool: Pool, policy: string, made: Made): Promise<string> {
  const id = randomUUID();
  const { outcome, tookMs = 60_000, agoMs = 0, revision = 1 } = made;
  const { fixedBy = outcome === 'succeeded' ? 0 : null, rungs = [], isFalse = false } = made;
  await query(
    pool,
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity,
                           since, policy_revision, plan, state, waiter, outcome, closed_at)
     values ($1, 'default/web', $2, 1, 1, (select count(*) + 1 from requests), 'default/web', 'warning',
             now(), $3, '{}', 'closed', 'resource/default/web', $4, now())`,
    [id, policy, revision, outcome],
  );
  await query(
    pool,
    `insert into action_results (action_id, resource, policy, policy_revision, outcome, fixed_by, rungs,
                                 since, recorded_at, false_fix_at)
     select $1, 'default/web', $2, $3, $4, $5, $6, at - $7 * interval '1 ms', at,
            case when $8 then at + interval '1 s' end
       from (select clock_timestamp() - $9 * interval '1 ms' as at) recorded`,
    [id, policy, revision, outcome, fixedBy, JSON.stringify(rungs), tookMs, isFalse, agoMs],
  );
  return id;
}
