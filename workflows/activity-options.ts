import type { ActivityOptions } from '@temporalio/workflow';
import { EXECUTE_TIMEOUT_MS } from './contract';

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
  heartbeatTimeout: '5s',
  retry: { initialInterval: '500ms', maximumInterval: '5s', maximumAttempts: 20 },
};

/** On a host's queue each try is an activity of its own, so that the workflow sees which one began. */
export const HOST_TRY: ActivityOptions = { retry: { maximumAttempts: 1 } };
export const HOST_TRIES = 20;
export const HOST_PAUSE_MS = 500;

/** What `begin` confirmed holds for so long beyond the time in which a host must have begun. */
export const HOST_BUDGET_MS = 20_000;
