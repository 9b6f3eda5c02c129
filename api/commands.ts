import { createHmac, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import {
  QueryNotRegisteredError,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import { findRequest } from '../storage/requests';
import {
  actionWorkflowId,
  CONTROL_QUEUE,
  decisionText,
  QUERIES,
  RESOURCE_WORKFLOW,
  resourceWorkflowId,
  UPDATES,
  type Decision,
  type DecisionAnswer,
  type ManualAction,
  type ManualAnswer,
  type ResourceInput,
  type ResourceStatus,
  type SignedDecision,
} from '../workflows/contract';
import type { ApiDeps } from './deps';
import { conflict, unavailable } from './problems';

/** What people ask of workflows. Every call has a deadline; Temporal being away answers 503. */

const COMMAND_MS = 5000;
const QUERY_MS = 2000;
const DECISION_VALID_MS = 5 * 60_000;
const STARTING_MS = 3000;
const STARTING_POLL_MS = 50;

/**
 * Asks a resource's workflow for an action, starting the workflow where none runs; the update's id is
 * the action's. Throws 409 when the workflow refuses to listen, 503 when no answer came in time.
 */
export async function requestAction(
  deps: ApiDeps,
  resource: string,
  action: ManualAction,
): Promise<ManualAnswer> {
  const input: ResourceInput = { resource };
  const startWorkflowOperation = new WithStartWorkflowOperation(RESOURCE_WORKFLOW, {
    workflowId: resourceWorkflowId(resource),
    taskQueue: CONTROL_QUEUE,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  try {
    return await deps.temporal.withDeadline(Date.now() + COMMAND_MS, () =>
      deps.temporal.workflow.executeUpdateWithStart<Workflow, ManualAnswer, [ManualAction]>(
        UPDATES.act,
        { args: [action], updateId: action.actionId, startWorkflowOperation },
      ),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw conflict(reasonOf(error));
    throw awayOr(
      error,
      `action ${action.actionId} may still be taken up: look for it before asking again`,
    );
  }
}

type GivenDecision = Pick<
  SignedDecision,
  'decision' | 'approver' | 'comment' | 'correlationId' | 'link' | 'sentBy'
>;

/** Hands a decision to an action. Throws 409 when the action waits for none, 503 when Temporal is away. */
export async function sendDecision(
  deps: ApiDeps,
  actionId: string,
  given: GivenDecision,
): Promise<Extract<DecisionAnswer, { kind: 'accepted' }>> {
  const signed = await sign(deps, actionId, given);
  const handle = deps.temporal.workflow.getHandle(actionWorkflowId(actionId));
  const answer = await onceStarted(deps, actionId, () =>
    deps.temporal.withDeadline(Date.now() + COMMAND_MS, () =>
      handle.executeUpdate<DecisionAnswer, [SignedDecision]>(UPDATES.decide, { args: [signed] }),
    ),
  ).catch((error: unknown): never => {
    if (error instanceof WorkflowNotFoundError) throw waitsForNone(given.decision);
    if (error instanceof WorkflowUpdateFailedError) throw conflict(reasonOf(error));
    throw awayOr(error, 'the decision may still arrive: look at the action before deciding again');
  });
  if (answer.kind === 'refused') throw conflict(answer.reason);
  return answer;
}

/**
 * A request is committed a moment before its action's workflow starts, so whoever reads of it at
 * once may be too early: tries again while the request is open, for a short time.
 */
async function onceStarted<T>(
  { pool }: ApiDeps,
  actionId: string,
  send: () => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + STARTING_MS;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || performance.now() > endsAt) throw error;
      const request = await findRequest(pool, actionId);
      if (request === null || request.state === 'closed') throw error;
      await pause(STARTING_POLL_MS);
    }
  }
}

function waitsForNone(decision: Decision): Error {
  const isEnd = decision === 'cancel' || decision === 'withdraw';
  const what = isEnd ? 'it is over' : 'it waits for no decision';
  return conflict(`the action has no running workflow: ${what}`);
}

async function sign(
  deps: ApiDeps,
  actionId: string,
  given: GivenDecision,
): Promise<SignedDecision> {
  const expiresAt = deps.now() + DECISION_VALID_MS;
  const key = await approvalKey(deps);
  const signature = createHmac('sha256', key)
    .update(decisionText(actionId, { ...given, expiresAt }))
    .digest('hex');
  return { ...given, expiresAt, signature, sending: randomUUID() };
}

/** Read every time, so that a new key counts at once. The file's hex text itself is the key. */
export async function approvalKey({ config, logger }: ApiDeps): Promise<string> {
  try {
    const text = (await readFile(config.approvalKeyFile, 'utf8')).trim();
    if (!/^([0-9a-f]{2}){16,}$/i.test(text)) throw new Error('it is not 16 bytes or more in hex');
    return text;
  } catch (cause) {
    logger.error({ err: cause, file: config.approvalKeyFile }, 'the approval key cannot be read');
    throw unavailable('decisions cannot be signed: the approval key cannot be read', 30, cause);
  }
}

export type StatusAnswer =
  | { kind: 'status'; status: ResourceStatus }
  /** No workflow runs: every policy is inactive. */
  | { kind: 'none' }
  | { kind: 'away'; reason: string };

/** What a resource's workflow says of itself; never throws for a Temporal that is away. */
export async function queryStatus(temporal: Client, resource: string): Promise<StatusAnswer> {
  const handle = temporal.workflow.getHandle(resourceWorkflowId(resource));
  try {
    return await temporal.withDeadline(Date.now() + QUERY_MS, async () => {
      // A closed workflow would still answer, with what was true at its end.
      const { status } = await handle.describe();
      if (status.name !== 'RUNNING') return { kind: 'none' };
      return { kind: 'status', status: await handle.query<ResourceStatus>(QUERIES.status) };
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'none' };
    if (error instanceof QueryNotRegisteredError || error instanceof ServiceError) {
      return { kind: 'away', reason: causeText(error) };
    }
    throw error;
  }
}

function awayOr(error: unknown, hint: string): unknown {
  const isAway =
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof ServiceError;
  return isAway
    ? unavailable(`Temporal gave no answer (${causeText(error)}); ${hint}`, 5, error)
    : error;
}

function causeText(error: Error): string {
  const { cause } = error;
  const details = (cause as { details?: unknown } | undefined)?.details;
  if (typeof details === 'string' && details !== '') return details;
  return cause instanceof Error ? cause.message : error.message;
}

function reasonOf({ cause }: WorkflowUpdateFailedError): string {
  return cause?.message ?? 'the workflow refused';
}
