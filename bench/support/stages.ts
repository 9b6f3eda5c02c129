import type { Client } from '@temporalio/client';
import { actionWorkflowId, resourceWorkflowId } from '../../workflows/contract';
import { historyOf, type HistoryEvent } from './histories';
import type { Incident } from './incidents';

/** Where the time of an incident goes, in order; each stage ends where the next one begins. */
export const STAGES = [
  'sample sent → verdict written',
  'verdict written → signal in the history of the resource',
  'signal → `request` started',
  '`request`: gates, admission, slot',
  '`request` answered → action workflow started',
  'action workflow started → inspected',
  'inspected → `begin` confirmed the slot',
  '`begin` confirmed → `execute` entered',
] as const;

/** Milliseconds of each stage, from the histories of the resource and of its action. */
export async function stagesOf(client: Client, incident: Incident): Promise<number[]> {
  const { resource, actionId, sentAt, verdictAt, confirmedAt, enteredAt } = incident;
  const parent = await historyOf(client, resourceWorkflowId(resource));
  const child = await historyOf(client, actionWorkflowId(actionId));
  const ofIncident = parent.filter(({ at }) => at >= sentAt);
  const times = [
    sentAt,
    verdictAt,
    first(ofIncident, 'workflowExecutionSignaled'),
    first(ofIncident, 'activityTaskStarted'),
    first(ofIncident, 'activityTaskCompleted'),
    first(child, 'workflowExecutionStarted'),
    first(child, 'activityTaskCompleted'),
    confirmedAt,
    enteredAt,
  ];
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

function first(events: readonly HistoryEvent[], type: string): number {
  const found = events.find((event) => event.type === type);
  if (found === undefined) throw new Error(`a history has no ${type}`);
  return found.at;
}
