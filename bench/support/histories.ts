import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** One event of a workflow's history. */
export interface HistoryEvent {
  /** As Temporal calls it: `activityTaskScheduled`. */
  type: string;
  /** Epoch ms. */
  at: number;
}

const ATTRIBUTES = 'EventAttributes';

/** All events of a workflow's newest run. */
export async function historyOf(client: Client, workflowId: string): Promise<HistoryEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).map((event) => {
    // An event carries exactly the attributes of its type.
    const key = Object.keys(event).find((name) => name.endsWith(ATTRIBUTES)) ?? ATTRIBUTES;
    const { seconds, nanos } = event.eventTime ?? {};
    return {
      type: key.slice(0, -ATTRIBUTES.length),
      at: Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6,
    };
  });
}

/** Events of a workflow's newest run; null: there is no such workflow. */
export async function historyLength(client: Client, workflowId: string): Promise<number | null> {
  try {
    const { historyLength: length } = await client.workflow.getHandle(workflowId).describe();
    return length;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
