import { isGrpcServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { OutboxMessage } from '../storage/outbox';
import { CONTROL_QUEUE, RESOURCE_WORKFLOW, type ResourceInput } from '../workflows/contract';

const DEADLINE_MS = 5000;
const RESOURCE_ID = 'resource/';

type Signal = Pick<OutboxMessage, 'workflowId' | 'kind' | 'payload' | 'starts'>;

/** What the detector asks of Temporal; each call gives up after 5 s. */
export interface TemporalCalls {
  /** Signals a message's workflow, starting it where the message says so. Rejects when Temporal does not take it. */
  send: (message: Signal) => Promise<void>;
  /** Whether a workflow of that id runs; rejects when Temporal cannot say. */
  isRunning: (workflowId: string) => Promise<boolean>;
  /** Calls under way, and later ones, are cancelled. */
  cutOff: () => void;
}

export function createTemporalCalls(temporal: Client): TemporalCalls {
  const underWay = new Set<AbortController>();
  let isCutOff = false;

  /** A signal for each call: the client never takes its listeners off one again. */
  async function call<T>(work: () => Promise<T>): Promise<T> {
    const abort = new AbortController();
    if (isCutOff) throw new Error('the detector has stopped');
    underWay.add(abort);
    try {
      const answer = temporal.withAbortSignal(abort.signal, () =>
        temporal.withDeadline(deadline(), work),
      );
      // The client's first connect does not listen to the signal.
      return await Promise.race([answer, rejectOn(abort.signal)]);
    } finally {
      underWay.delete(abort);
    }
  }

  return {
    send: (message) => call(() => deliver(temporal, message)),
    isRunning: (workflowId) => call(() => describesRunning(temporal, workflowId)),
    cutOff() {
      isCutOff = true;
      for (const abort of underWay) abort.abort();
    },
  };
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('the detector has stopped'));
    });
  });
}

async function deliver(temporal: Client, message: Signal): Promise<void> {
  const { workflowId, kind, payload, starts } = message;
  if (starts && workflowId.startsWith(RESOURCE_ID)) {
    const resource = workflowId.slice(RESOURCE_ID.length);
    const input: ResourceInput = { resource };
    await temporal.workflow.signalWithStart(RESOURCE_WORKFLOW, {
      workflowId,
      taskQueue: CONTROL_QUEUE,
      args: [input],
      signal: kind,
      signalArgs: [payload],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: resource,
    });
    return;
  }
  try {
    await temporal.workflow.getHandle(workflowId).signal(kind, payload);
  } catch (error) {
    // A workflow that is not running has nothing to hear.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function describesRunning(temporal: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await temporal.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** gRPC: cancelled (the connection closed under the call), deadline exceeded, resource exhausted, unavailable. */
const NOT_NOW = new Set([1, 4, 8, 14]);

/** True when Temporal as a whole does not serve now; else it is this message that it does not take. */
export function isTemporalAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return NOT_NOW.has(cause.code);
  }
  return false;
}

/** A moment of the real clock: gRPC knows no other. */
function deadline(): number {
  return Date.now() + DEADLINE_MS;
}
