import { WorkflowNotFoundError } from '@temporalio/client';
import { endOverrides } from '../storage/overrides';
import { dropOldPartitions } from '../storage/partitions';
import { findRequest, listOpenRequests, type StoredRequest } from '../storage/requests';
import { tellGrant } from '../storage/admission';
import { inTransaction } from '../storage/database';
import { databaseNow } from '../storage/clock';
import { actionWorkflowId, resourceWorkflowId } from '../workflows/contract';
import type { ActivityDeps } from './deps';
import { recordEnding, type Ending } from './record';

/** Requests that Temporal is asked about at once. */
const SIDE_BY_SIDE = 16;

/** Ten times as long as a grant takes to be told again. */
const GIVE_UP_MS = 300_000;

export function createHousekeepingActivities(deps: ActivityDeps) {
  return {
    /**
     * Ends the requests whose workflow is gone, so that no slot is held for ever, and the overrides
     * that stand no longer. Asks Temporal by
     * workflow id, never by age; while Temporal cannot be asked it throws and nothing is reaped.
     */
    async reap(): Promise<number> {
      const open = await listOpenRequests(deps.pool, deps.constants.reapAfterMs);
      const waiting = [...open];
      let reaped = 0;
      async function work(): Promise<void> {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const fate = await fateOf(deps, next);
          if (fate === 'unheard') await grantAgain(deps, next);
          if (fate === 'lost' && (await reapOne(deps, next))) reaped += 1;
        }
      }
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
      await inTransaction(deps.pool, endOverrides);
      if (reaped > 0) deps.logger.warn({ reaped }, 'requests of lost workflows were reaped');
      return reaped;
    },

    /** Drops the days of samples that are older than the retention. */
    async dropOldSamples(): Promise<void> {
      await dropOldPartitions(deps.pool, await databaseNow(deps.pool), deps.constants.retentionMs);
    },
  };
}

/** `unheard`: its slot is granted to a parent that runs and never started the action. */
type Fate = 'held' | 'unheard' | 'lost';

async function fateOf(deps: ActivityDeps, request: StoredRequest): Promise<Fate> {
  const action = await statusOf(deps, actionWorkflowId(request.action_id));
  if (action === 'RUNNING') return 'held';
  // It ran and was ended from outside, or its history is lost: nobody starts it again.
  if (action !== null || request.begun_at !== null) return 'lost';
  const parent = await statusOf(deps, resourceWorkflowId(request.resource));
  if (parent !== 'RUNNING') return 'lost';
  switch (request.state) {
    case 'granted':
      return fateOfGrant(deps, request);
    case 'awaiting_approval': {
      // The parent is about to start it; past the deadline nobody can decide any more.
      const deadline = request.created_at + (request.plan.approval?.deadlineMs ?? 0);
      return deadline < (await databaseNow(deps.pool)) ? 'lost' : 'held';
    }
    case 'open':
    case 'closed':
      return 'held';
  }
}

/**
 * Temporal knows no action of it. Once that has been so for long, its history is lost: a parent that
 * saw it run waits for its end, and one that starts it after all learns that the slot is.
 */
async function fateOfGrant({ pool }: ActivityDeps, request: StoredRequest): Promise<Fate> {
  const grantedAt = request.granted_at ?? Infinity;
  return (await databaseNow(pool)) - grantedAt >= GIVE_UP_MS ? 'lost' : 'unheard';
}

/** The parent, or an earlier run of it, lost the word: it starts the action, or finds it started. */
async function grantAgain({ pool }: ActivityDeps, { action_id: id }: StoredRequest): Promise<void> {
  await inTransaction(pool, async (db) => {
    const request = await findRequest(db, id, { lock: true });
    if (request?.state !== 'granted' || request.token === null) return;
    const { plan, token } = request;
    await tellGrant(db, { plan, token, waiter: resourceWorkflowId(request.resource) });
  });
}

async function reapOne(deps: ActivityDeps, { action_id: id }: StoredRequest): Promise<boolean> {
  const now = await databaseNow(deps.pool);
  return recordEnding(deps, id, (request) => endingOf(deps, request, now));
}

async function statusOf(deps: ActivityDeps, workflowId: string): Promise<string | null> {
  try {
    const description = await deps.temporal.workflow.getHandle(workflowId).describe();
    return description.status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function endingOf(deps: ActivityDeps, request: StoredRequest, now: number): Ending | null {
  const event = 'reaped';
  if (request.state === 'closed') return null;
  if (request.begun_at === null) {
    return { event, outcome: 'cancelled', reason: 'its workflow is gone; nothing had begun' };
  }
  // An effect that was begun may still be under way until execute's time is over.
  if (now < request.begun_at + deps.constants.executeTimeoutMs) return null;
  return { event, outcome: 'inconclusive', reason: 'its workflow is gone; its effect had begun' };
}
