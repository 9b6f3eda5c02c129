import type { Policy, Severity } from '../domain/policy/policy';
import { query, type Db } from './database';

/** Times are epoch ms by the database's clock. */
export interface VerificationStart {
  stepEndedAt: number;
  /** Policies whose verdict on the resource was true then. */
  firingBefore: string[];
}

/**
 * When a step ended and what was wrong with its resource then, as the first look found it.
 *
 * @param step `endedAt`: epoch ms, as the journal says; null: on another host, the first look is its end
 */
export async function startVerification(
  db: Db,
  step: { actionId: string; step: number; resource: string; endedAt: number | null },
): Promise<VerificationStart> {
  await query(
    db,
    `insert into verifications (action_id, step, step_ended_at, firing_before)
     select $1, $2,
            coalesce(to_timestamp($4::float8 / 1000), clock_timestamp()),
            array(select policy from verdicts where resource = $3 and verdict = 'true')
     on conflict do nothing`,
    [step.actionId, step.step, step.resource, step.endedAt],
  );
  const [row] = await query<VerificationStart>(
    db,
    `select step_ended_at as "stepEndedAt", firing_before as "firingBefore"
       from verifications where action_id = $1 and step = $2`,
    [step.actionId, step.step],
  );
  if (row === undefined) throw new Error(`verification ${step.actionId}/${step.step} is gone`);
  return row;
}

export interface TurnedTrue {
  policy: string;
  severity: Severity;
  since: number;
  document: Policy;
}

/** Policies in force whose verdict on the resource turned true after the step's end. */
export async function loadTurnedTrue(
  db: Db,
  resource: string,
  { stepEndedAt, firingBefore }: VerificationStart,
): Promise<TurnedTrue[]> {
  return query<TurnedTrue>(
    db,
    `select v.policy, v.severity, v.since, p.document
       from verdicts v join policies p on p.policy = v.policy and p.deleted_at is null
      where v.resource = $1 and v.verdict = 'true' and v.since > to_timestamp($2::float8 / 1000)
        and v.policy <> all($3)
      order by v.policy`,
    [resource, stepEndedAt, firingBefore],
  );
}
