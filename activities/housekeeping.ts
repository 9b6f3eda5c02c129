import { WorkflowNotFoundError } from '@temporalio/client';
import { dropOldPartitions } from '../storage/partitions';
import { listOpenRequests, type StoredRequest } from '../storage/requests';
import { databaseNow } from '../storage/clock';
import { actionWorkflowId, resourceWorkflowId } from '../workflows/contract';
import type { ActivityDeps } from './deps';
import { recordEnding } from './record';

export function createHousekeepingActivities(deps: ActivityDeps) {
  return {
    /**
     * Ends the requests whose workflow is gone, so that no slot is held for ever. Asks Temporal by
     * workflow id, never by age; while Temporal cannot be asked it throws and nothing is reaped.
     */
    async reap(): Promise<number> {
      const open = await listOpenRequests(deps.pool, deps.constants.reapAfterMs);
      const now = await databaseNow(deps.pool);
      let reaped = 0;
      for (const request of open) {
        const ending = (await isHeldByRunning(deps, request)) ? null : endingOf(deps, request, now);
        if (ending === null) continue;
        const isReaped = await recordEnding(deps, request.action_id, {
          ...ending,
          event: 'reaped',
        });
        if (isReaped) reaped += 1;
      }
      if (reaped > 0) deps.logger.warn({ reaped }, 'requests of lost workflows were reaped');
      return reaped;
    },

    /** Drops the days of samples that are older than the retention. */
    async dropOldSamples(): Promise<void> {
      await dropOldPartitions(deps.pool, await databaseNow(deps.pool), deps.constants.retentionMs);
    },
  };
}

async function isHeldByRunning(deps: ActivityDeps, request: StoredRequest): Promise<boolean> {
  if (await isRunning(deps, actionWorkflowId(request.action_id))) return true;
  // A queued or just granted request is waited for by the resource's workflow, which starts the action.
  const isBeforeStart = request.state === 'open' || request.begun_at === null;
  return isBeforeStart && request.state !== 'awaiting_approval'
    ? isRunning(deps, resourceWorkflowId(request.resource)).then(
        async (isAlive) => isAlive && !(await wasClosed(deps, request.action_id)),
      )
    : false;
}

async function isRunning(deps: ActivityDeps, workflowId: string): Promise<boolean> {
  return (await statusOf(deps, workflowId)) === 'RUNNING';
}

/** The action ran and ended (was terminated): its parent does not start it again. */
async function wasClosed(deps: ActivityDeps, actionId: string): Promise<boolean> {
  const status = await statusOf(deps, actionWorkflowId(actionId));
  return status !== null && status !== 'RUNNING';
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

function endingOf(
  deps: ActivityDeps,
  request: StoredRequest,
  now: number,
): { outcome: 'inconclusive' | 'cancelled'; reason: string } | null {
  if (request.begun_at === null) {
    return { outcome: 'cancelled', reason: 'its workflow is gone; nothing had begun' };
  }
  // An effect that was begun may still be under way until execute's time is over.
  if (now < request.begun_at + deps.constants.executeTimeoutMs) return null;
  return { outcome: 'inconclusive', reason: 'its workflow is gone; its effect had begun' };
}
