import type { Pool } from 'pg';
import { projectAction, type ActionEvent, type ProjectedAction } from '../domain/action/projection';
import { ACTION_COLUMNS } from './actions';
import { inTransaction, query, type Db } from './database';

/** How the projection `actions` differs from what the audit trail tells. */
export interface Replay {
  /** Actions that the audit trail tells from their beginning. */
  told: number;
  /** Ids that the projection lacked. */
  missing: string[];
  /** Ids whose row said something else, and in which fields. */
  changed: { id: string; fields: string[] }[];
}

const BATCH = 500;

/**
 * Tells the projection anew from the audit trail. Rows of actions whose beginning was dropped by
 * retention stay as they are, and so do those of actions that are under way.
 *
 * @param isDryRun only compares
 */
export async function replayActions(
  pool: Pool,
  { isDryRun }: { isDryRun: boolean },
): Promise<Replay> {
  const replay: Replay = { told: 0, missing: [], changed: [] };
  for (let after = ''; ;) {
    const ids = await nextIds(pool, after);
    const last = ids.at(-1);
    if (last === undefined) return replay;
    after = last;
    await inTransaction(pool, (db) => replayBatch(db, ids, { replay, isDryRun }));
  }
}

async function nextIds(db: Db, after: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `select distinct action_id::text as id from audit_events
      where event = 'requested' and action_id is not null and action_id::text > $1
      order by 1 limit $2`,
    [after, BATCH],
  );
  return rows.map(({ id }) => id);
}

async function replayBatch(
  db: Db,
  ids: readonly string[],
  { replay, isDryRun }: { replay: Replay; isDryRun: boolean },
): Promise<void> {
  // The rows are locked, so that no action moves on between being told and being written.
  const present = await query<ProjectedAction & Record<string, unknown>>(
    db,
    `select ${ACTION_COLUMNS}
       from actions where action_id = any($1) order by action_id for update`,
    [ids],
  );
  const events = await query<ActionEvent & Record<string, unknown>>(
    db,
    `select at, resource, policy, action_id as "actionId", event, actor, correlation_id as "correlationId",
            policy_revision as "policyRevision", details
       from audit_events where action_id = any($1) order by id`,
    [ids],
  );
  const open = await loadOpen(db, ids);
  for (const id of ids) {
    const told = projectAction(events.filter((event) => event.actionId === id));
    if (told === null) continue;
    replay.told += 1;
    const found = present.find((row) => row.id === id);
    // What is still under way moves on by itself, and more often than its audit rows tell.
    if (found !== undefined && open.has(id)) continue;
    const fields = found === undefined ? [] : differences(found, told);
    if (found === undefined) replay.missing.push(id);
    else if (fields.length > 0) replay.changed.push({ id, fields });
    if (!isDryRun && (found === undefined || fields.length > 0)) await write(db, told);
  }
}

async function loadOpen(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await query<{ id: string }>(
    db,
    `select action_id as id from requests where action_id = any($1) and state <> 'closed'`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** The two clocks of a request and its audit row differ by the time between two statements. */
const CLOCK_SLACK_MS = 2000;

function differences(found: ProjectedAction, told: ProjectedAction): string[] {
  return (Object.keys(told) as (keyof ProjectedAction)[]).filter((field) => {
    const [a, b] = [found[field], told[field]];
    if (typeof a === 'number' && typeof b === 'number' && field.endsWith('At')) {
      return Math.abs(a - b) > CLOCK_SLACK_MS;
    }
    if (field === 'approvalDeadline' && a !== null && b !== null) {
      return Math.abs(Number(a) - Number(b)) > CLOCK_SLACK_MS;
    }
    return JSON.stringify(a) !== JSON.stringify(b);
  });
}

async function write(db: Db, told: ProjectedAction): Promise<void> {
  await query(
    db,
    `insert into actions (action_id, resource, policy, policy_revision, severity, steps, state, outcome,
       outcome_reason, dry_run, requested_by, reason, correlation_id, approval_deadline, requested_at,
       admitted_at, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, to_timestamp($14::float8 / 1000),
       to_timestamp($15::float8 / 1000), to_timestamp($16::float8 / 1000), to_timestamp($17::float8 / 1000))
     on conflict (action_id) do update set
       resource = excluded.resource, policy = excluded.policy, policy_revision = excluded.policy_revision,
       severity = excluded.severity, steps = excluded.steps, state = excluded.state,
       outcome = excluded.outcome, outcome_reason = excluded.outcome_reason, dry_run = excluded.dry_run,
       requested_by = excluded.requested_by, reason = excluded.reason,
       correlation_id = excluded.correlation_id, approval_deadline = excluded.approval_deadline,
       requested_at = excluded.requested_at, admitted_at = excluded.admitted_at,
       recorded_at = excluded.recorded_at`,
    [
      ...[told.id, told.resource, told.policy, told.policyRevision, told.severity],
      ...[JSON.stringify(told.steps), told.state, told.outcome, told.outcomeReason, told.dryRun],
      ...[told.requestedBy, told.reason, told.requestId, told.approvalDeadline, told.requestedAt],
      ...[told.admittedAt, told.recordedAt],
    ],
  );
}
