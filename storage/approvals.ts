import type { ActionPlan } from '../domain/action/action';
import type { LinkMaker } from '../domain/approval-link';
import { LINK_LIFETIME_MS } from '../domain/approval-link';
import { approvalNotice } from '../domain/approval-notice';
import {
  decidersOf,
  mayApprove,
  shortfallOf,
  tally,
  type Deciders,
  type Vote,
} from '../domain/approvers';
import type { Approval } from '../domain/policy/policy';
import { databaseNow } from './clock';
import { query, type Db } from './database';
import { listDefinitions } from './definitions';
import { insertNotice, listOpenNotices } from './notices';

/** A plan that asks people. */
export type AskingPlan = ActionPlan & { approval: Approval };

export function asksPeople(plan: ActionPlan): plan is AskingPlan {
  return plan.approval !== null;
}

/** Who may decide on an action, with the lists as they are now. */
export async function loadDeciders(db: Db, plan: AskingPlan): Promise<Deciders> {
  const [facts] = await query<{ author: string | null; isEscalated: boolean }>(
    db,
    `select (select r.author from policy_revisions p join revisions r using (revision)
              where p.policy = $2 and p.revision = $3) as author,
            coalesce((select escalated_at is not null from requests where action_id = $1), false)
              as "isEscalated"`,
    [plan.actionId, plan.policy, plan.policyRevision],
  );
  const { author = null, isEscalated = false } = facts ?? {};
  return decidersOf({ ...plan, author, isEscalated }, await listDefinitions(db, 'Approvers'));
}

/** What the decisions on record, and the deadline, mean together. */
export async function loadTally(
  db: Db,
  plan: AskingPlan,
): Promise<'waiting' | 'approved' | 'rejected'> {
  const votes = await query<Vote>(
    db,
    'select approver as actor, decision, signed as "isSigned" from approvals where action_id = $1',
    [plan.actionId],
  );
  const state = tally(votes, await loadDeciders(db, plan));
  if (state !== 'waiting') return state;
  const [passed] = await query(
    db,
    'select 1 from requests where action_id = $1 and deadline_approved_at is not null',
    [plan.actionId],
  );
  return passed === undefined ? 'waiting' : 'approved';
}

export interface NewVote extends Vote {
  comment: string | null;
  door: string;
}

/** Writes a person's decision over an earlier one of the same person. */
export async function saveVote(db: Db, actionId: string, vote: NewVote): Promise<void> {
  await query(
    db,
    `insert into approvals (action_id, approver, decision, comment, door, signed)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (action_id, approver) do update set
       decision = excluded.decision, comment = excluded.comment, door = excluded.door,
       signed = excluded.signed, decided_at = clock_timestamp()`,
    [actionId, vote.actor, vote.decision, vote.comment, vote.door, vote.isSigned],
  );
}

/** Whether that actor's yes stands. */
export async function hasYes(db: Db, actionId: string, actor: string): Promise<boolean> {
  const rows = await query(
    db,
    `select 1 from approvals where action_id = $1 and approver = $2 and decision = 'approve'`,
    [actionId, actor],
  );
  return rows.length > 0;
}

/** Counts a decision; the row must be locked by the caller. */
export async function nextTurn(db: Db, actionId: string): Promise<number> {
  const [row] = await query<{ turn: number }>(
    db,
    `update requests set decision_turn = decision_turn + 1 where action_id = $1
     returning decision_turn as turn`,
    [actionId],
  );
  return row?.turn ?? 0;
}

export async function readTurn(db: Db, actionId: string): Promise<number> {
  const [row] = await query<{ turn: number }>(
    db,
    'select decision_turn as turn from requests where action_id = $1',
    [actionId],
  );
  return row?.turn ?? 0;
}

/** A queued request that lost a yes waits for people again. */
export async function backToWaiting(db: Db, actionId: string): Promise<void> {
  await query(
    db,
    `update requests set state = 'awaiting_approval' where action_id = $1 and state = 'open'`,
    [actionId],
  );
  await query(
    db,
    `update actions set state = 'awaiting_approval' where action_id = $1 and state = 'queued'`,
    [actionId],
  );
}

/** The deadline said yes. */
export async function approveByDeadline(db: Db, actionId: string): Promise<void> {
  await query(
    db,
    'update requests set deadline_approved_at = clock_timestamp() where action_id = $1',
    [actionId],
  );
}

/** From now on the second list may decide too, for as long again; false when it was so before. */
export async function escalate(db: Db, plan: AskingPlan): Promise<boolean> {
  const rows = await query(
    db,
    `update requests set escalated_at = clock_timestamp()
      where action_id = $1 and escalated_at is null returning 1`,
    [plan.actionId],
  );
  if (rows.length === 0) return false;
  await query(
    db,
    `update actions set approval_deadline =
            greatest(approval_deadline, clock_timestamp()) + make_interval(secs => $2::float8 / 1000)
      where action_id = $1`,
    [plan.actionId, plan.approval.deadlineMs],
  );
  return true;
}

/**
 * Tells people that they are asked, in the caller's transaction.
 *
 * @returns words for the audit: who may decide, and what is wrong with the lists
 */
export async function askPeople(
  db: Db,
  plan: AskingPlan,
  makeLink: LinkMaker | null,
): Promise<Record<string, unknown>> {
  const deciders = await loadDeciders(db, plan);
  const [row] = await query<{ deadline: number; isEscalated: boolean }>(
    db,
    `select a.approval_deadline as deadline, r.escalated_at is not null as "isEscalated"
       from actions a join requests r using (action_id) where action_id = $1`,
    [plan.actionId],
  );
  const now = await databaseNow(db);
  const { deadline = now, isEscalated = false } = row ?? {};
  const expiresAt = Math.min(deadline, now + LINK_LIFETIME_MS);
  const links = (mayApprove(deciders) ?? []).flatMap((name) => {
    const approver = `user:${name}`;
    const url = makeLink?.({ actionId: plan.actionId, approver, expiresAt }) ?? null;
    return url === null ? [] : [{ approver: name, url }];
  });
  await insertNotice(db, approvalNotice({ plan, deciders, deadline, isEscalated, links }));
  const shortfall = shortfallOf(deciders);
  return {
    ...(deciders.people === null ? {} : { people: deciders.people }),
    ...(deciders.barred.length === 0 ? {} : { barred: deciders.barred }),
    ...(shortfall === null ? {} : { shortfall }),
  };
}

/** Asks once more when people believe that it is decided. */
export async function askAgain(db: Db, plan: AskingPlan): Promise<void> {
  const open = await listOpenNotices(db, plan.actionId, 'approval_wanted');
  if (open.length === 0) await askPeople(db, plan, null);
}

/** Ends what people were told of an action that asked: it needs nobody any more. */
export async function settleNotices(db: Db, actionId: string, why: string): Promise<void> {
  for (const notice of await listOpenNotices(db, actionId, 'approval_wanted')) {
    await insertNotice(db, { ...notice, text: why, isResolved: true });
  }
}

/** The sending that used a link; null while it is unused. */
export async function findLinkUse(
  db: Db,
  link: string,
): Promise<{ use: string; usedAt: number } | null> {
  const [row] = await query<{ use: string; usedAt: number }>(
    db,
    'select use, used_at as "usedAt" from approval_links_used where link = $1',
    [link],
  );
  return row ?? null;
}

/** Marks a link as used, in the transaction of the decision that it made. */
export async function saveLinkUse(
  db: Db,
  used: { link: string; use: string; actionId: string; approver: string },
): Promise<void> {
  await query(
    db,
    `insert into approval_links_used (link, action_id, approver, use) values ($1, $2, $3, $4)
     on conflict (link) do nothing`,
    [used.link, used.actionId, used.approver, used.use],
  );
}
