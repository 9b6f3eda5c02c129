import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ActionPlan } from '../domain/action/action';
import { refusalToDecide, type Voice } from '../domain/approvers';
import type { Door } from '../domain/audit';
import { admit } from '../storage/admission';
import {
  approveByDeadline,
  askAgain,
  askPeople,
  asksPeople,
  backToWaiting,
  escalate,
  findLinkUse,
  hasYes,
  loadDeciders,
  loadTally,
  nextTurn,
  saveLinkUse,
  saveVote,
  settleNotices,
} from '../storage/approvals';
import { databaseNow } from '../storage/clock';
import { insertAudit } from '../storage/audit';
import { inTransaction, type Db } from '../storage/database';
import { auditOf, findRequest, type StoredRequest } from '../storage/requests';
import { decisionText, type Decision, type SignedDecision } from '../workflows/contract';
import { linkMaker } from './approval-links';
import type { ActivityDeps } from './deps';

/** A decision as it reached the action: signed through the API, or a plain Temporal signal. */
export type ReceivedDecision =
  | { kind: 'signed'; decision: SignedDecision }
  | { kind: 'plain'; decision: Decision; comment: string | null };

export type DecideReply =
  | { kind: 'refused'; reason: string }
  | {
      kind: 'accepted';
      state: 'waiting' | 'approved' | 'rejected' | 'cancelled';
      by: string;
      /** Counts the decisions on this action; absent in answers of earlier versions. */
      turn?: number;
    };

/** Who a plain signal is from, as far as anyone can tell. */
const UNSIGNED = 'temporal';

interface Said extends Voice {
  decision: Decision;
  comment: string | null;
  door: Door;
  link: { nonce: string; madeBy: string; sending: string } | null;
}

export function createDecideActivities(deps: ActivityDeps) {
  const { pool } = deps;
  return {
    /** Checks who decides and how, writes it down, and says what all decisions together mean. */
    async decide(input: { plan: ActionPlan; received: ReceivedDecision }): Promise<DecideReply> {
      const { plan, received } = input;
      const said = detailsOf(received);
      const forgery = forgeryOf(deps, plan.actionId, received, await databaseNow(pool));
      const { reply, wasOpen } = await inTransaction(pool, async (db) => {
        // Decisions on one action come one after the other: none misses the yes of another.
        const request = await findRequest(db, plan.actionId, { lock: true });
        const refusal = forgery ?? (await refusalOf(db, { plan, request, said }));
        await insertAudit(db, [auditRow(plan, said, refusal)]);
        const reply: DecideReply =
          refusal === null ? await carryOut(db, plan, said) : { kind: 'refused', reason: refusal };
        return { reply, wasOpen: request?.state === 'open' };
      });
      // A pass of admission leaves out a row that is locked: it may have missed this one.
      if (wasOpen) await admit(pool);
      return reply;
    },

    /** The deadline passed: writes down what that means. */
    async deadlinePassed(input: { plan: ActionPlan }): Promise<void> {
      const { plan } = input;
      const means = plan.approval?.onDeadline === 'approve' ? 'approve' : 'expire';
      const who = { actor: 'vigil', door: 'worker' as const };
      await inTransaction(pool, async (db) => {
        await insertAudit(db, [
          auditOf(plan, 'approval_decided', { decision: means, deadline: true }, who),
        ]);
        if (means !== 'approve') return;
        await approveByDeadline(db, plan.actionId);
        await settleNotices(db, plan.actionId, 'approved by the deadline');
      });
    },

    /** The first deadline passed: the second list is asked too, for as long again. */
    async escalateApproval(input: { plan: ActionPlan }): Promise<void> {
      const { plan } = input;
      if (!asksPeople(plan)) return;
      await inTransaction(pool, async (db) => {
        if (!(await escalate(db, plan))) return;
        const asked = await askPeople(db, plan, linkMaker(deps));
        const { escalateTo = [], deadlineMs } = plan.approval;
        await insertAudit(db, [
          auditOf(
            plan,
            'approval_escalated',
            { of: escalateTo, deadlineMs, ...asked },
            { actor: 'vigil', door: 'worker' },
          ),
        ]);
      });
    },
  };
}

function detailsOf(received: ReceivedDecision): Said {
  if (received.kind === 'plain') {
    const { decision, comment } = received;
    return { decision, comment, actor: UNSIGNED, isSigned: false, door: 'temporal', link: null };
  }
  const { decision, approver, comment, link, sentBy, sending = '' } = received.decision;
  return {
    ...{ decision, comment, actor: approver, isSigned: true },
    through: link?.madeBy ?? sentBy ?? null,
    door: link === undefined ? 'api' : 'link',
    link: link === undefined ? null : { ...link, sending },
  };
}

function forgeryOf(
  deps: ActivityDeps,
  actionId: string,
  received: ReceivedDecision,
  now: number,
): string | null {
  if (received.kind === 'plain') {
    return deps.allowUnsignedSignals
      ? null
      : 'plain signals are refused here: decide through the API, or set worker.unsignedSignals';
  }
  const { decision } = received;
  if (decision.expiresAt < now) return 'the signature has expired';
  const expected = createHmac('sha256', deps.approvalKey())
    .update(decisionText(actionId, decision))
    .digest();
  const given = Buffer.from(decision.signature, 'hex');
  const isRight = given.length === expected.length && timingSafeEqual(given, expected);
  return isRight ? null : 'the signature is not right';
}

async function refusalOf(
  db: Db,
  { plan, request, said }: { plan: ActionPlan; request: StoredRequest | null; said: Said },
): Promise<string | null> {
  if (request === null) return 'there is no such request';
  if (said.decision === 'cancel') return null;
  if (!asksPeople(plan)) return 'the action does not ask for approval';
  if (request.state === 'closed') return 'the action has ended';
  if (said.decision === 'withdraw') return refusalToWithdraw(db, request, said);
  const refusal = refusalToDecide(said.decision, said, await loadDeciders(db, plan));
  return refusal ?? (said.link === null ? null : usedBefore(db, said.link));
}

async function refusalToWithdraw(
  db: Db,
  { action_id: actionId, state }: StoredRequest,
  { actor, isSigned }: Said,
): Promise<string | null> {
  if (state === 'granted')
    return 'it has its slot: a yes can no longer be taken back, only cancelled';
  const isTheirs = isSigned && (await hasYes(db, actionId, actor));
  return isTheirs ? null : `${actor} has not said yes`;
}

async function usedBefore(
  db: Db,
  { nonce, sending }: NonNullable<Said['link']>,
): Promise<string | null> {
  const used = await findLinkUse(db, nonce);
  // The activity may have been retried after its transaction: that is the same use.
  return used === null || used.use === sending ? null : 'the link was used before';
}

function auditRow(plan: ActionPlan, said: Said, refused: string | null) {
  const { decision, comment, isSigned, actor, door, link, through = null } = said;
  const by = through === null ? {} : { [link === null ? 'sentBy' : 'linkMadeBy']: through };
  const details = { decision, comment, signed: isSigned, refused, ...by };
  return auditOf(plan, 'approval_decided', details, { actor, door });
}

async function carryOut(db: Db, plan: ActionPlan, said: Said): Promise<DecideReply> {
  const { actionId } = plan;
  const { decision, actor: by, link } = said;
  const turn = await nextTurn(db, actionId);
  if (decision === 'cancel' || !asksPeople(plan)) {
    return { kind: 'accepted', state: 'cancelled', by, turn };
  }
  const isWithdrawal = decision === 'withdraw';
  await saveVote(db, actionId, { ...said, decision: isWithdrawal ? 'withdrawn' : decision });
  if (link !== null) {
    await saveLinkUse(db, { link: link.nonce, use: link.sending, actionId, approver: by });
  }
  const state = await loadTally(db, plan);
  if (isWithdrawal) await takeBack(db, plan, state);
  else if (state !== 'waiting') await settleNotices(db, actionId, `${state} by ${by}`);
  return { kind: 'accepted', state, by, turn };
}

/** Without enough yes it waits for people again, who are told so. */
async function takeBack(
  db: Db,
  plan: ActionPlan,
  state: 'waiting' | 'approved' | 'rejected',
): Promise<void> {
  if (state !== 'waiting' || !asksPeople(plan)) return;
  await backToWaiting(db, plan.actionId);
  await askAgain(db, plan);
}
