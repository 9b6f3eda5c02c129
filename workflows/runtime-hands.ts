import { ActivityFailure, log, proxyActivities, rootCause } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../activities';
import type { ActionPlan } from '../domain/action/action';
import type { RuntimeTarget, Snapshot, StepResult } from '../domain/action/runtime';
import type { Step } from '../domain/policy/policy';
import { EXECUTE_ACTIVITY, INSPECT_ACTIVITY } from './activity-options';
import type { Ending } from './approval';
import { UNKNOWN_EFFECT } from './contract';

/** The hands of an action in the world: the only calls that reach a runtime. */

const runtime = proxyActivities<Pick<Activities, 'inspect' | 'execute'>>(EXECUTE_ACTIVITY);

/** One step of an action that holds a slot. */
export interface StepCall {
  plan: ActionPlan;
  index: number;
  step: Step;
  token: number;
}

export type Attempt<T> = { kind: 'done'; result: T } | { kind: 'failed'; ending: Ending };

export async function inspect({ plan }: StepCall): Promise<Attempt<Snapshot>> {
  const options = { ...INSPECT_ACTIVITY, summary: `Inspect ${plan.resource}` };
  const target = { resource: plan.resource, spec: plan.spec };
  try {
    return { kind: 'done', result: await runtime.inspect.executeWithOptions(options, [target]) };
  } catch (error) {
    return failedBy(error, 'failed', `inspect ${plan.resource}`);
  }
}

export async function execute(
  call: StepCall,
  target: RuntimeTarget,
  snapshot: Snapshot,
): Promise<Attempt<StepResult>> {
  const { plan, index, step, token } = call;
  const options = { ...EXECUTE_ACTIVITY, summary: labelOf(call) };
  const request = { key: `${plan.actionId}/${index}`, step, target, snapshot };
  const input = { actionId: plan.actionId, step: index, token, request };
  try {
    return { kind: 'done', result: await runtime.execute.executeWithOptions(options, [input]) };
  } catch (error) {
    // Only the runtime's own refusal says that the effect did not happen: a timeout does not, nor
    // a journal that could not be written after it.
    const cause = error instanceof ActivityFailure ? error.cause : null;
    const isKnown =
      cause instanceof ApplicationFailure &&
      cause.nonRetryable === true &&
      cause.type !== UNKNOWN_EFFECT;
    return failedBy(error, isKnown ? 'failed' : 'inconclusive', labelOf(call));
  }
}

function failedBy(
  error: unknown,
  outcome: 'failed' | 'inconclusive',
  label: string,
): { kind: 'failed'; ending: Ending } {
  if (!(error instanceof ActivityFailure)) throw error;
  const reason = `${label}: ${rootCause(error) ?? error.message}`;
  log.warn('step failed', { outcome, reason });
  return { kind: 'failed', ending: { outcome, reason } };
}

export function labelOf({ plan, step }: StepCall): string {
  return `${step.action} ${plan.resource}`;
}
