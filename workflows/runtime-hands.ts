import {
  ActivityFailure,
  log,
  proxyActivities,
  rootCause,
  sleep,
  TimeoutFailure,
  type ActivityOptions,
} from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../activities';
import type { ExecuteInput } from '../activities/runtime';
import type { ActionPlan } from '../domain/action/action';
import type { RuntimeTarget, Snapshot, StepResult } from '../domain/action/runtime';
import type { Step } from '../domain/policy/policy';
import {
  CONTROL_BUDGET_MS,
  EXECUTE_ACTIVITY,
  HOST_BUDGET_MS,
  HOST_PAUSE_MS,
  HOST_TRIES,
  HOST_TRY,
  INSPECT_ACTIVITY,
} from './activity-options';
import type { Ending } from './approval';
import { HOST_START_MS, hostQueue, NO_EFFECT, UNKNOWN_EFFECT } from './contract';

/** The hands of an action in the world: the only calls that reach a runtime. */

const runtime =
  proxyActivities<Pick<Activities, 'inspect' | 'execute' | 'restore'>>(EXECUTE_ACTIVITY);

/** One step of an action that holds a slot. */
export interface StepCall {
  plan: ActionPlan;
  index: number;
  step: Step;
  token: number;
  /** When `begin` confirmed it, epoch ms by the database's clock; a host does not act much later. */
  confirmedAt?: number;
  /** A host that does not take up the call within this time is away. Default: HOST_START_MS. */
  hostStartMs?: number | undefined;
}

interface Failed {
  kind: 'failed';
  ending: Ending;
}

export type Attempt<T> = { kind: 'done'; result: T } | Failed;

/** What stands before the step. */
export async function inspect(call: StepCall): Promise<Attempt<Snapshot>> {
  const { plan, step } = call;
  const options = { ...INSPECT_ACTIVITY, ...routeOf(call), summary: `Inspect ${plan.resource}` };
  const input = { target: { resource: plan.resource, spec: plan.spec }, step };
  try {
    return { kind: 'done', result: await runtime.inspect.executeWithOptions(options, [input]) };
  } catch (error) {
    if (neverStarted(error)) return cancelled(awayReason(call));
    return failedBy(error, 'failed', `inspect ${plan.resource}`);
  }
}

/** The effect of the step, once. */
export async function execute(
  call: StepCall,
  target: RuntimeTarget,
  snapshot: Snapshot,
): Promise<Attempt<StepResult>> {
  const { plan, index, step, token } = call;
  const request = { key: `${plan.actionId}/${index}`, step, target, snapshot };
  const input = { actionId: plan.actionId, step: index, token, request };
  return act(call, labelOf(call), (options, notAfter) =>
    runtime.execute.executeWithOptions(options, [{ ...input, ...notAfter }]),
  );
}

/**
 * Brings back what the snapshot shows, once; done with null: there is nothing to bring back. Follows
 * a step that was executed, so it needs no confirmation of its own.
 */
export async function restore(
  call: StepCall,
  target: RuntimeTarget,
  snapshot: Snapshot,
): Promise<Attempt<StepResult | null>> {
  const { plan, index, step, token } = call;
  const request = { key: `${plan.actionId}/${index}/restore`, step, target, snapshot };
  const input = { actionId: plan.actionId, step: index, token, request };
  return act(unconfirmed(call), `undo ${labelOf(call)}`, (options, notAfter) =>
    runtime.restore.executeWithOptions(options, [{ ...input, ...notAfter }]),
  );
}

/** On a host an undo is bound to its own time; elsewhere to none. */
function unconfirmed({ plan, index, step, token, hostStartMs }: StepCall): StepCall {
  const call = { plan, index, step, token, hostStartMs };
  return isOnHost(plan) ? { ...call, confirmedAt: Date.now() } : call;
}

type Once<T> = (options: ActivityOptions, input: Pick<ExecuteInput, 'notAfter'>) => Promise<T>;

async function act<T>(call: StepCall, label: string, once: Once<T>): Promise<Attempt<T>> {
  if (isOnHost(call.plan)) return actOnHost(call, label, once);
  try {
    const options = { ...EXECUTE_ACTIVITY, summary: label };
    return { kind: 'done', result: await once(options, untilLate(call)) };
  } catch (error) {
    return endedBy(error, label);
  }
}

/** A worker that comes back hours later must not act on what was confirmed then. An undo follows what was done, however late. */
function untilLate({ confirmedAt }: StepCall): Pick<ExecuteInput, 'notAfter'> {
  return confirmedAt === undefined ? {} : { notAfter: confirmedAt + CONTROL_BUDGET_MS };
}

/**
 * Tries one by one, so that it is known whether an earlier try began: a host that never took up the
 * first is away, and nothing happened; one that went away in the middle leaves it inconclusive.
 */
async function actOnHost<T>(call: StepCall, label: string, once: Once<T>): Promise<Attempt<T>> {
  const options = { ...EXECUTE_ACTIVITY, ...HOST_TRY, ...routeOf(call), summary: label };
  for (let attempt = 1; ; attempt++) {
    // A later try follows one that may have begun: that one was confirmed, and the journal is read first.
    const confirmedAt = attempt === 1 ? (call.confirmedAt ?? Date.now()) : Date.now();
    const notAfter = confirmedAt + startMsOf(call) + HOST_BUDGET_MS;
    try {
      return { kind: 'done', result: await once(options, { notAfter }) };
    } catch (error) {
      const isAway = neverStarted(error) || isOfType(error, NO_EFFECT.hostAway);
      if (isAway && attempt > 1) {
        return failedBy(error, 'inconclusive', `${label}: the host went away in the middle`);
      }
      if (neverStarted(error)) return cancelled(awayReason(call));
      if (isFinal(error) || attempt === HOST_TRIES) return endedBy(error, label);
    }
    await sleep(Math.min(HOST_PAUSE_MS * attempt, 5000));
  }
}

function endedBy(error: unknown, label: string): Failed {
  if (isOfType(error, NO_EFFECT.late)) return cancelled(`too late: ${rootCause(error)}`);
  if (isOfType(error, NO_EFFECT.paused)) return refused(`paused (file): ${rootCause(error)}`);
  if (isOfType(error, NO_EFFECT.hostAway)) return refused(`host_away: ${rootCause(error)}`);
  // Only the runtime's own refusal says that the effect did not happen: a timeout does not, nor
  // a journal that could not be written after it.
  const isKnown = isFinal(error) && !isOfType(error, UNKNOWN_EFFECT);
  return failedBy(error, isKnown ? 'failed' : 'inconclusive', label);
}

function failedBy(error: unknown, outcome: 'failed' | 'inconclusive', label: string): Failed {
  if (!(error instanceof ActivityFailure)) throw error;
  const reason = `${label}: ${rootCause(error) ?? error.message}`;
  log.warn('step failed', { outcome, reason });
  return { kind: 'failed', ending: { outcome, reason } };
}

/** Nothing was done. */
function cancelled(reason: string): Failed {
  log.warn('step not begun', { reason });
  return { kind: 'failed', ending: { outcome: 'cancelled', reason } };
}

/** The host itself would not: no gate knows of it, so that one cooldown passes before it is asked again. */
function refused(reason: string): Failed {
  log.warn('step refused by its host', { reason });
  return { kind: 'failed', ending: { outcome: 'cancelled', reason, isCalledOff: true } };
}

/** No worker took it up in time: it did not begin, and never will. */
function neverStarted(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}

function isFinal(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

function isOfType(error: unknown, type: string): boolean {
  const cause = causeOf(error);
  return cause instanceof ApplicationFailure && cause.type === type;
}

function causeOf(error: unknown): Error | undefined {
  return error instanceof ActivityFailure ? error.cause : undefined;
}

/** Plans of earlier versions have no host. */
function isOnHost({ host }: ActionPlan): boolean {
  return host !== undefined && host !== null;
}

/** Of the control host: none, the queue of the workflow. */
function routeOf({ plan: { host }, hostStartMs }: StepCall): ActivityOptions {
  if (host === undefined || host === null) return {};
  return { taskQueue: hostQueue(host), scheduleToStartTimeout: hostStartMs ?? HOST_START_MS };
}

function startMsOf({ hostStartMs = HOST_START_MS }: StepCall): number {
  return hostStartMs;
}

function awayReason(call: StepCall): string {
  return `host_away: host ${call.plan.host ?? ''} did not begin within ${startMsOf(call) / 1000} s`;
}

export function labelOf({ plan, step }: StepCall): string {
  return `${step.action} ${plan.resource}`;
}
