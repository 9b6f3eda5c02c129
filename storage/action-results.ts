import type { ActionPlan, Outcome } from '../domain/action/action';
import type { RungRecord } from '../domain/action/ladder';
import { query, type Db } from './database';

/** What became of each policy's actions: the home of effectiveness and of trust. Times are epoch ms. */

export interface ActionResult {
  outcome: Outcome;
  /** 0-based step that fixed it; null: none did. */
  fixedBy: number | null;
  rungs: readonly RungRecord[];
}

/** Once per action; a person's action has no policy that could be judged by it. */
export async function insertResult(db: Db, plan: ActionPlan, result: ActionResult): Promise<void> {
  if (plan.policy === null) return;
  await query(
    db,
    `insert into action_results (action_id, resource, policy, policy_revision, outcome, fixed_by, rungs, since)
     select action_id, resource, policy, policy_revision, $2, $3, $4, since
       from requests where action_id = $1
     on conflict do nothing`,
    [plan.actionId, result.outcome, result.fixedBy, JSON.stringify(result.rungs)],
  );
}

export interface Fix {
  actionId: string;
  recordedAt: number;
}

/** The policy's last action on the resource, if that fixed it and was not found false yet; locked. */
export async function lockLastFix(db: Db, policy: string, resource: string): Promise<Fix | null> {
  const [row] = await query<Fix & { isOpen: boolean }>(
    db,
    `select action_id as "actionId", recorded_at as "recordedAt",
            fixed_by is not null and false_fix_at is null as "isOpen"
       from action_results where policy = $1 and resource = $2
      order by recorded_at desc limit 1 for update`,
    [policy, resource],
  );
  return row?.isOpen === true ? { actionId: row.actionId, recordedAt: row.recordedAt } : null;
}

export async function markFalseFix(db: Db, actionId: string, firedAt: number): Promise<void> {
  await query(
    db,
    `update action_results set false_fix_at = to_timestamp($2::float8 / 1000) where action_id = $1`,
    [actionId, firedAt],
  );
}

/** Whether each of the last fixes was a false one, newest first; only what counts against this revision. */
export async function loadRecentFixes(
  db: Db,
  policy: { key: string; revision: number },
  limit: number,
): Promise<boolean[]> {
  const rows = await query<{ isFalse: boolean }>(
    db,
    `select r.false_fix_at is not null as "isFalse" from action_results r
       left join demotions d on d.policy = r.policy
      where r.policy = $1 and r.policy_revision = $2 and r.fixed_by is not null
        and (d.promoted_at is null or r.recorded_at > d.promoted_at)
      order by r.recorded_at desc limit $3`,
    [policy.key, policy.revision, limit],
  );
  return rows.map(({ isFalse }) => isFalse);
}
