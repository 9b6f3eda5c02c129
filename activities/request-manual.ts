import type { ActionPlan } from '../domain/action/action';
import { firstHold } from '../domain/action/gates';
import type { ManualRequest, RequestAnswer } from '../domain/action/resource-state';
import type { Resource } from '../domain/resource';
import { databaseNow } from '../storage/clock';
import type { Db } from '../storage/database';
import { insertRequest } from '../storage/requests';
import { resourceWorkflowId } from '../workflows/contract';
import { hostHold, manualFacts } from './request-facts';
import { specOf } from './request-target';

/** Writes a person's request; returns the hold's answer, or null once the row stands. */
export async function makeManualRequest(
  db: Db,
  { resource, hostAway }: { resource: Resource; hostAway: string | null },
  request: ManualRequest,
): Promise<RequestAnswer | null> {
  const now = await databaseNow(db);
  const facts = await manualFacts(db, { resource, hostAway, now, isForced: request.force });
  const hold = firstHold(facts, 'resource') ?? hostHold(facts);
  if (hold !== null) return { kind: 'held', hold };
  await insertRequest(db, {
    plan: manualPlan(resource, request),
    generation: resource.createdRevision,
    episode: 0,
    since: now,
    maxConcurrent: null,
    forced: request.force,
    state: 'open',
    waiter: resourceWorkflowId(resource.key),
  });
  return null;
}

function manualPlan(resource: Resource, request: ManualRequest): ActionPlan {
  const { actionId, steps, dryRun, requestedBy, reason, correlationId } = request;
  return {
    actionId,
    resource: resource.key,
    namespace: resource.namespace,
    policy: null,
    policyRevision: 0,
    severity: 'critical',
    spec: specOf(resource),
    host: resource.host,
    steps,
    verify: { settleMs: 1000, stableMs: 5000, withinMs: 60_000 },
    approval: null,
    dryRun,
    requestedBy,
    reason,
    correlationId,
  };
}
