import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** What Temporal's Web UI shows of a run. */
export interface TemporalStory {
  staticSummary: string | undefined;
  activities: { type: string; summary: string }[];
  /** Summaries of its timers. */
  timers: string[];
  attributes: Record<string, unknown>;
}

export async function storyOf(client: Client, workflowId: string): Promise<TemporalStory> {
  const handle = client.workflow.getHandle(workflowId);
  const [description, { events = [] }] = await Promise.all([
    handle.describe(),
    handle.fetchHistory(),
  ]);
  const activities: TemporalStory['activities'] = [];
  const timers: string[] = [];
  for (const event of events ?? []) {
    const payload = event.userMetadata?.summary;
    const summary = payload ? defaultPayloadConverter.fromPayload<string>(payload) : '';
    const type = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (type) activities.push({ type, summary });
    if (event.timerStartedEventAttributes) timers.push(summary);
  }
  const pairs = description.typedSearchAttributes.getAll();
  return {
    staticSummary: await description.staticSummary(),
    activities,
    timers,
    attributes: Object.fromEntries(pairs.map(({ key, value }) => [key.name, value])),
  };
}
