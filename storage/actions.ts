import type { ProjectedAction } from '../domain/action/projection';
import { query, type Db } from './database';

/** One row of the projection `actions`; times in epoch ms. */
export type ActionRow = ProjectedAction;

export interface ActionFilter {
  resource: string | null;
  policy: string | null;
  state: string | null;
  outcome: string | null;
}

/** A place in the list: the exact time as PostgreSQL prints it, since epoch ms would lose microseconds. */
export interface ActionPlace {
  requestedAt: string;
  id: string;
}

/** The columns of an ActionRow, under its names. */
export const ACTION_COLUMNS = `action_id as id, resource, policy, policy_revision as "policyRevision", severity, steps, state,
  outcome, outcome_reason as "outcomeReason", dry_run as "dryRun", requested_by as "requestedBy", reason,
  correlation_id as "requestId", approval_deadline as "approvalDeadline", requested_at as "requestedAt",
  admitted_at as "admittedAt", recorded_at as "recordedAt"`;

/** Actions, newest request first, each with its place. */
export async function listActions(
  db: Db,
  filter: ActionFilter,
  page: { after: ActionPlace | null; limit: number },
): Promise<{ action: ActionRow; place: ActionPlace }[]> {
  const rows = await query<ActionRow & { place: string }>(
    db,
    `select ${ACTION_COLUMNS}, requested_at::text as place from actions
     where ($1::text is null or resource = $1) and ($2::text is null or policy = $2)
       and ($3::text is null or state = $3) and ($4::text is null or outcome = $4)
       and ($5::timestamptz is null
         or (requested_at <= $5 and (requested_at < $5 or action_id > $6::uuid)))
     order by requested_at desc, action_id limit $7`,
    [
      filter.resource,
      filter.policy,
      filter.state,
      filter.outcome,
      page.after?.requestedAt ?? null,
      page.after?.id ?? null,
      page.limit,
    ],
  );
  return rows.map(({ place, ...action }) => ({
    action,
    place: { requestedAt: place, id: action.id },
  }));
}

/** One action, or null. */
export async function getAction(db: Db, id: string): Promise<ActionRow | null> {
  const rows = await query<ActionRow>(
    db,
    `select ${ACTION_COLUMNS} from actions where action_id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** A person's decision on an action. */
export interface ApprovalRow {
  approver: string;
  decision: 'approve' | 'reject' | 'withdrawn';
  comment: string | null;
  door: string;
  signed: boolean;
  decidedAt: number;
}

/** The decisions on an action, oldest first. */
export async function listApprovals(db: Db, id: string): Promise<ApprovalRow[]> {
  return query<ApprovalRow>(
    db,
    `select approver, decision, comment, door, signed, decided_at as "decidedAt"
     from approvals where action_id = $1 order by decided_at, approver`,
    [id],
  );
}
