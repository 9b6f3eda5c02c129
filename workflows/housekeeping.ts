import { continueAsNew, proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities';
import { CONTROL_ACTIVITY } from './activity-options';

const control = proxyActivities<Activities>(CONTROL_ACTIVITY);

/** Rounds before the history starts anew. */
const ROUNDS = 100;

export interface HousekeepingInput {
  everyMs: number;
}

/** One run for the whole system: ends what lost its workflow and drops samples past their retention. */
export async function housekeepingWorkflow(input: HousekeepingInput): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const summary = 'Reap requests whose workflow is gone';
    await control.reap.executeWithOptions({ ...CONTROL_ACTIVITY, summary }, []);
    if (round === 0) await control.dropOldSamples();
    await sleep(input.everyMs, { summary: 'Until the next round' });
  }
  await continueAsNew<typeof housekeepingWorkflow>(input);
}
