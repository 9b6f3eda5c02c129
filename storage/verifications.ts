import type { Policy, Severity } from '../domain/policy/policy';
import { query, type Db } from './database';

/**
 * When a step ended by the database's clock, epoch ms, however often it is asked.
 *
 * @param step `endedAt`: as the journal says; null: on another host, the first ask is its end
 */
export async function startVerification(
  db: Db,
  step: { actionId: string; step: number; endedAt: number | null },
): Promise<number> {
  const [row] = await query<{ endedAt: number }>(
    db,
    `insert into verifications (action_id, step, step_ended_at)
     values ($1, $2, coalesce(to_timestamp($3::float8 / 1000), clock_timestamp()))
     on conflict (action_id, step) do update set step_ended_at = verifications.step_ended_at
     returning step_ended_at as "endedAt"`,
    [step.actionId, step.step, step.endedAt],
  );
  if (row === undefined) throw new Error(`verification ${step.actionId}/${step.step} is gone`);
  return row.endedAt;
}

export interface TurnedTrue {
  policy: string;
  severity: Severity;
  /** Epoch ms. */
  since: number;
  document: Policy;
}

/**
 * Policies in force whose verdict on the resource turned true since the step of the action began.
 * One that was true then, and lost its data or cleared only for a while, is none of them.
 */
export async function loadTurnedTrue(
  db: Db,
  action: { actionId: string; resource: string },
): Promise<TurnedTrue[]> {
  return query<TurnedTrue>(
    db,
    `select v.policy, v.severity, v.since, p.document
       from verdicts v join policies p on p.policy = v.policy and p.deleted_at is null
         join slots s on s.action_id = $1
      where v.resource = $2 and v.verdict = 'true' and v.since > s.begun_at
        and (v.cleared_at is null or v.cleared_at < s.begun_at)
      order by v.policy`,
    [action.actionId, action.resource],
  );
}
