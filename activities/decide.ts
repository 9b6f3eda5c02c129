import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ActionPlan } from '../domain/action/action';
import { databaseNow } from '../storage/clock';
import { insertAudit } from '../storage/audit';
import { inTransaction, query, type Db } from '../storage/database';
import { auditOf } from '../storage/requests';
import { decisionText, type Decision, type SignedDecision } from '../workflows/contract';
import type { ActivityDeps } from './deps';

/** A decision as it reached the action: signed through the API, or a plain Temporal signal. */
export type ReceivedDecision =
  | { kind: 'signed'; decision: SignedDecision }
  | { kind: 'plain'; decision: Decision; comment: string | null };

export type DecideReply =
  | { kind: 'refused'; reason: string }
  | { kind: 'accepted'; state: 'waiting' | 'approved' | 'rejected' | 'cancelled'; by: string };

/** Who a plain signal is from, as far as anyone can tell. */
const UNSIGNED = 'temporal';

export function createDecideActivities(deps: ActivityDeps) {
  return {
    /** Checks a decision's signature, writes it down, and says what all decisions together mean. */
    async decide(input: { plan: ActionPlan; received: ReceivedDecision }): Promise<DecideReply> {
      const { plan, received } = input;
      const { decision, approver, comment } = detailsOf(received);
      const now = await databaseNow(deps.pool);
      const refusal = refusalOf(deps, plan.actionId, received, now);
      return inTransaction(deps.pool, async (db) => {
        const who = {
          actor: approver,
          door: received.kind === 'signed' ? ('api' as const) : ('temporal' as const),
        };
        const isSigned = received.kind === 'signed';
        await insertAudit(db, [
          auditOf(
            plan,
            'approval_decided',
            { decision, comment, signed: isSigned, refused: refusal },
            who,
          ),
        ]);
        if (refusal !== null) return { kind: 'refused', reason: refusal };
        if (decision === 'cancel') return { kind: 'accepted', state: 'cancelled', by: approver };
        await insertApproval(db, plan.actionId, { approver, decision, comment, ...who, isSigned });
        return { kind: 'accepted', state: await tally(db, plan), by: approver };
      });
    },

    /** The deadline passed: writes down what that means. */
    async deadlinePassed(input: { plan: ActionPlan }): Promise<void> {
      const { plan } = input;
      const means = plan.approval?.onDeadline ?? 'expire';
      const who = { actor: 'vigil', door: 'worker' as const };
      await insertAudit(deps.pool, [
        auditOf(plan, 'approval_decided', { decision: means, deadline: true }, who),
      ]);
    },
  };
}

function detailsOf(received: ReceivedDecision): {
  decision: Decision;
  approver: string;
  comment: string | null;
} {
  return received.kind === 'signed'
    ? received.decision
    : { decision: received.decision, approver: UNSIGNED, comment: received.comment };
}

function refusalOf(
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

async function insertApproval(
  db: Db,
  actionId: string,
  row: {
    approver: string;
    decision: 'approve' | 'reject';
    comment: string | null;
    door: string;
    isSigned: boolean;
  },
): Promise<void> {
  await query(
    db,
    `insert into approvals (action_id, approver, decision, comment, door, signed)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (action_id, approver) do update set
       decision = excluded.decision, comment = excluded.comment, decided_at = clock_timestamp()`,
    [actionId, row.approver, row.decision, row.comment, row.door, row.isSigned],
  );
}

/** One no ends it; the required number of different people saying yes lets it run. */
async function tally(db: Db, plan: ActionPlan): Promise<'waiting' | 'approved' | 'rejected'> {
  const rows = await query<{ decision: string }>(
    db,
    'select decision from approvals where action_id = $1',
    [plan.actionId],
  );
  if (rows.some((row) => row.decision === 'reject')) return 'rejected';
  const yes = rows.filter((row) => row.decision === 'approve').length;
  return yes >= (plan.approval?.required ?? 1) ? 'approved' : 'waiting';
}
