import type { Hold } from '../domain/action/action';
import type { RequestAnswer } from '../domain/action/resource-state';
import { admit } from '../storage/admission';
import { inTransaction } from '../storage/database';
import { insertAudit } from '../storage/audit';
import { auditOf, closeRequest, findRequest, type StoredRequest } from '../storage/requests';
import type { ActivityDeps } from './deps';

/** The request was closed while it was looked at: what the verdict says then is another question. */
const ASK_AGAIN = { kind: 'not_firing', verdict: 'unknown', firesInMs: null } as const;

/** Tries to get the slot for a request that was just written. */
export async function answerMade(deps: ActivityDeps, actionId: string): Promise<RequestAnswer> {
  const request = await findRequest(deps.pool, actionId);
  return request === null ? ASK_AGAIN : answerOpen(deps, request);
}

/** The answer for a request that stands; a queued one tries for its slot again. */
export async function answerOpen(
  deps: ActivityDeps,
  request: StoredRequest,
): Promise<RequestAnswer> {
  const { plan, action_id: actionId } = request;
  if (request.state === 'awaiting_approval') return { kind: 'start', plan, token: null };
  if (request.state === 'closed') return ASK_AGAIN;
  if (request.state === 'granted') return { kind: 'start', plan, token: request.token };
  const decision = await admit(deps.pool, { own: actionId });
  const after = await findRequest(deps.pool, actionId);
  if (after?.state === 'granted') return { kind: 'start', plan, token: after.token };
  if (after?.state !== 'open') return ASK_AGAIN;
  const hold: Hold =
    decision?.kind === 'queued'
      ? decision.hold
      : { gate: 'max_concurrent', detail: 'waits for its turn', until: null };
  return hold.gate === 'target_busy'
    ? sendBack(deps, request, hold)
    : { kind: 'queued', hold, plan };
}

/** The loser of a target is re-evaluated when the target is free, never queued. */
async function sendBack(
  deps: ActivityDeps,
  request: StoredRequest,
  hold: Hold,
): Promise<RequestAnswer> {
  const isStillOpen = await inTransaction(deps.pool, async (db) => {
    const locked = await findRequest(db, request.action_id, { lock: true });
    if (locked?.state !== 'open') return false;
    const reason = `${hold.gate}: ${hold.detail}`;
    await closeRequest(db, request.action_id, { outcome: 'cancelled', reason });
    await insertAudit(db, [auditOf(request.plan, 'withdrawn', { reason })]);
    return true;
  });
  return isStillOpen ? { kind: 'held', hold } : answerMade(deps, request.action_id);
}
