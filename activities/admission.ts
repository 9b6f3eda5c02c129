import type { ActionPlan, Hold } from '../domain/action/action';
import { KNOWS_NOTHING, type ClearReason } from '../domain/action/resource-state';
import { admit } from '../storage/admission';
import { askAgain, asksPeople, loadTally, readTurn } from '../storage/approvals';
import { insertAudit } from '../storage/audit';
import { inTransaction, type Db } from '../storage/database';
import { forgetHandled, recordHandled } from '../storage/deliveries';
import {
  auditOf,
  closeRequest,
  findRequest,
  setRequestState,
  showState,
} from '../storage/requests';
import type { ActivityDeps } from './deps';
import { tellParent } from './record';

export type AdmitAnswer =
  | { kind: 'granted'; token: number }
  | { kind: 'queued'; hold: Hold }
  | { kind: 'closed' }
  /** A yes was taken back meanwhile; `turn`: the decision up to which this is known. */
  | { kind: 'unapproved'; turn: number };

export function createAdmissionActivities({ pool }: ActivityDeps) {
  return {
    /** After the yes: puts an approved request into the queue. */
    async admit(input: { actionId: string }): Promise<AdmitAnswer> {
      await inTransaction(pool, async (db) => {
        const request = await findRequest(db, input.actionId, { lock: true });
        if (request?.state !== 'awaiting_approval') return;
        if (!(await hasItsYes(db, request.plan))) return;
        await setRequestState(db, input.actionId, 'open');
        await showState(db, input.actionId, 'queued');
      });
      const decision = await admit(pool, { own: input.actionId });
      const request = await findRequest(pool, input.actionId);
      if (request?.state === 'granted') return { kind: 'granted', token: request.token ?? 0 };
      if (request?.state === 'awaiting_approval') {
        // A no that was on its way when the deadline said yes: nobody is asked again.
        const { plan } = request;
        const isNo = asksPeople(plan) && (await loadTally(pool, plan)) === 'rejected';
        if (isNo) return { kind: 'closed' };
        return { kind: 'unapproved', turn: await readTurn(pool, input.actionId) };
      }
      if (request?.state !== 'open') return { kind: 'closed' };
      return { kind: 'queued', hold: decision?.kind === 'queued' ? decision.hold : turn() };
    },

    /** Takes a request back that nothing has begun for; what was granted meanwhile is freed. */
    async withdraw(input: { actionId: string; reason: ClearReason }): Promise<void> {
      await inTransaction(pool, async (db) => {
        const request = await findRequest(db, input.actionId, { lock: true });
        if (request === null || request.state === 'closed' || request.begun_at !== null) return;
        await closeRequest(db, input.actionId, { outcome: 'cancelled', reason: input.reason });
        await insertAudit(db, [auditOf(request.plan, 'withdrawn', { reason: input.reason })]);
        // Its action may have been started, and be ended from outside before it learns of this.
        if (request.state === 'granted') await tellParent(db, { ...request, outcome: 'cancelled' });
      });
      await admit(pool);
    },

    /**
     * Tells the sweep that a version was handled although nothing else had to be asked; or that a run
     * knows nothing of what an earlier one has handled, so that it is sent again.
     */
    async acknowledge(input: { resource: string; version: number }): Promise<void> {
      const { resource, version } = input;
      if (version === KNOWS_NOTHING) await forgetHandled(pool, resource);
      else await recordHandled(pool, resource, version);
    },
  };
}

/** A yes may have been taken back, or its giver struck off the list, since it was counted. */
async function hasItsYes(db: Db, plan: ActionPlan): Promise<boolean> {
  if (!asksPeople(plan)) return true;
  const tally = await loadTally(db, plan);
  if (tally !== 'waiting') return tally === 'approved';
  await askAgain(db, plan);
  return false;
}

function turn(): Hold {
  return { gate: 'max_concurrent', detail: 'waits for its turn', until: null };
}
