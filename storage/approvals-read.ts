import type { ActionPlan, ActionState, Outcome } from '../domain/action/action';
import { decidersOf, type Approvers, type Deciders } from '../domain/approvers';
import type { AskingPlan } from './approvals';
import type { ApprovalRow } from './actions';
import { query, type Db } from './database';
import { listDefinitions } from './definitions';

/** An action that asked people, with what they said; times in epoch ms. */
export interface ApprovalRequest {
  plan: AskingPlan;
  state: ActionState;
  outcome: Outcome | null;
  deciders: Deciders;
  isEscalated: boolean;
  deadline: number;
  requestedAt: number;
  votes: ApprovalRow[];
}

export interface ApprovalFilter {
  resource: string | null;
  policy: string | null;
  /** Name of a person, without `user:`: only what that person may say yes to. */
  approver: string | null;
  isPending: boolean | null;
}

/** A place in the list; the time as PostgreSQL prints it, since epoch ms would lose microseconds. */
export interface ApprovalPlace {
  isPending: boolean;
  requestedAt: string;
  id: string;
}

interface Row {
  plan: AskingPlan;
  state: ActionState;
  outcome: Outcome | null;
  author: string | null;
  isEscalated: boolean;
  deadline: number;
  requestedAt: number;
  place: string;
}

/** What was asked of people: what waits first, then the newest. */
export async function listApprovalRequests(
  db: Db,
  filter: ApprovalFilter,
  page: { after: ApprovalPlace | null; limit: number },
): Promise<{ asked: ApprovalRequest; place: ApprovalPlace }[]> {
  const approvers = await listDefinitions(db, 'Approvers');
  const { names, roles } = meaning(filter.approver, approvers);
  const rows = await query<Row & Record<string, unknown>>(
    db,
    `select * from (
       select r.plan, a.state, a.outcome, a.action_id, a.requested_at, v.author,
              r.escalated_at is not null as "isEscalated", a.approval_deadline as deadline,
              a.requested_at as "requestedAt", a.requested_at::text as place,
              a.state = 'awaiting_approval' as pending,
              r.plan->'approval'->'of' as first, r.plan->'approval'->'escalateTo' as second
         from actions a join requests r using (action_id)
         left join lateral (select author from policy_revisions p join revisions using (revision)
                             where p.policy = a.policy and p.revision = a.policy_revision) v on true
        where a.approval_deadline is not null
          and ($1::text is null or a.resource = $1) and ($2::text is null or a.policy = $2)
          and ($3::boolean is null or (a.state = 'awaiting_approval') = $3)) asked
      where ($4::text[] is null
         or (plan->>'requestedBy' <> all($4) and coalesce(author <> all($4), true)
             and (first is null or exists (
               select 1 from jsonb_array_elements_text(
                   first || case when "isEscalated" then coalesce(second, '[]') else '[]' end) entry
                where entry = any($4) or plan->>'namespace' || '/' || entry = any($5)))))
        and ($6::boolean is null or (not pending and $6)
         or (pending = $6 and (requested_at < $7::timestamptz
              or (requested_at = $7::timestamptz and action_id > $8::uuid))))
      order by pending desc, requested_at desc, action_id limit $9`,
    [
      filter.resource,
      filter.policy,
      filter.isPending,
      names,
      roles,
      page.after?.isPending ?? null,
      page.after?.requestedAt ?? null,
      page.after?.id ?? null,
      page.limit,
    ],
  );
  const votes = await votesOf(
    db,
    rows.map(({ plan }) => plan.actionId),
  );
  return rows.map((row) => ({
    asked: toRequest(row, approvers, votes.get(row.plan.actionId) ?? []),
    place: {
      isPending: row.state === 'awaiting_approval',
      requestedAt: row.place,
      id: row.plan.actionId,
    },
  }));
}

/** The entries of a policy's list that mean that person. */
function meaning(
  person: string | null,
  approvers: readonly Approvers[],
): { names: string[] | null; roles: string[] } {
  if (person === null) return { names: null, roles: [] };
  const actor = `user:${person}`;
  const roles = approvers
    .filter(({ members }) => members.some((member) => member === person || member === actor))
    .map(({ key }) => key);
  return { names: [actor], roles };
}

async function votesOf(db: Db, ids: readonly string[]): Promise<Map<string, ApprovalRow[]>> {
  const rows = await query<ApprovalRow & { id: string }>(
    db,
    `select action_id as id, approver, decision, comment, door, signed, decided_at as "decidedAt"
       from approvals where action_id = any($1) order by decided_at, approver`,
    [ids],
  );
  const votes = new Map<string, ApprovalRow[]>();
  for (const { id, ...vote } of rows) votes.set(id, [...(votes.get(id) ?? []), vote]);
  return votes;
}

function toRequest(
  { plan, state, outcome, author, isEscalated, deadline, requestedAt }: Row,
  approvers: readonly Approvers[],
  votes: ApprovalRow[],
): ApprovalRequest {
  const deciders = decidersOf({ ...plan, author, isEscalated }, approvers);
  return { plan, state, outcome, deciders, isEscalated, deadline, requestedAt, votes };
}

/** One action that people are asked about, as far as a link to it has to know; null: there is none. */
export async function findAsked(
  db: Db,
  actionId: string,
): Promise<{ plan: ActionPlan; state: ActionState; deadline: number | null } | null> {
  const [row] = await query<{ plan: ActionPlan; state: ActionState; deadline: number | null }>(
    db,
    `select r.plan, a.state, a.approval_deadline as deadline
       from requests r join actions a using (action_id) where r.action_id = $1`,
    [actionId],
  );
  return row ?? null;
}
