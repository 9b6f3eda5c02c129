import {
  condition,
  defineSignal,
  executeChild,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { FloorActivities } from './floor';

/**
 * What Temporal alone costs: workflows of the shapes that Vigil's have, whose activities do nothing.
 * They are the baseline of the benchmarks.
 */

const { enter, hop } = proxyActivities<FloorActivities>({ startToCloseTimeout: '30s' });

export const go = defineSignal('go');
export const stop = defineSignal('stop');

/** One signal, one activity. */
export async function single(id: string): Promise<void> {
  await told();
  await enter(id);
}

/** The hops of an incident: signal → `request` → child → `inspect`, `begin`, `execute`, `verify`, `record`. */
export async function chain(id: string): Promise<void> {
  await told();
  await hop();
  await executeChild(chainChild, { args: [id], workflowId: `${id}/child` });
}

export async function chainChild(id: string): Promise<void> {
  await hop();
  await hop();
  await enter(id);
  await hop();
  await hop();
}

/** Takes every sample as a signal, which is what Vigil avoids. */
export async function sink(): Promise<void> {
  let isStopped = false;
  setHandler(go, () => undefined);
  setHandler(stop, () => {
    isStopped = true;
  });
  await condition(() => isStopped);
}

async function told(): Promise<void> {
  let isTold = false;
  setHandler(go, () => {
    isTold = true;
  });
  await condition(() => isTold);
}
