import type { ActivityOptions } from '@temporalio/workflow';
import { EXECUTE_TIMEOUT_MS, HEARTBEAT_TIMEOUT_MS } from './contract';

/** Control activities retry without limit, at most 5 s apart: a dependency that is away only delays. */
export const CONTROL_ACTIVITY: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
};

/** One look a second until the answer is there; the activity itself knows the deadline. */
export const VERIFY_ACTIVITY: ActivityOptions = {
  startToCloseTimeout: '15s',
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
};

export const INSPECT_ACTIVITY: ActivityOptions = {
  startToCloseTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '2s', maximumAttempts: 10 },
};

/** A worker that died is noticed after 5 s; the journal makes the next attempt safe. */
export const EXECUTE_ACTIVITY: ActivityOptions = {
  startToCloseTimeout: EXECUTE_TIMEOUT_MS,
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  retry: { initialInterval: '500ms', maximumInterval: '5s', maximumAttempts: 20 },
};

/** On a host's queue each try is an activity of its own, so that the workflow sees which one began. */
export const HOST_TRY: ActivityOptions = { retry: { maximumAttempts: 1 } };
export const HOST_TRIES = 20;
export const HOST_PAUSE_MS = 500;

/**
 * What was confirmed for a try holds for so long beyond the time in which its host must begin. The
 * earliest end of an action whose try began is HEARTBEAT_TIMEOUT_MS beyond it, so that nothing begins
 * after that end; what lies between the two is for clocks that differ.
 */
export const HOST_BUDGET_MS = 2000;

/** On the control queue an effect begins within this time of its confirmation, or not at all. */
export const CONTROL_BUDGET_MS = 60_000;
