import { activityInfo, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Pool } from 'pg';
import {
  TransientError,
  UnknownEffectError,
  type ExecuteRequest,
  type Runtime,
  type RuntimeTarget,
  type Snapshot,
  type StepResult,
} from '../domain/action/runtime';
import { beginStep, endStep, withTargetLock, type JournalKey } from '../storage/journal';
import { UNKNOWN_EFFECT } from '../workflows/contract';
import type { ActivityDeps } from './deps';

const HEARTBEAT_MS = 1000;
const TRANSIENT_TRIES = 3;
const TRANSIENT_PAUSE_MS = 1000;
const LOCK_WAIT_MS = 20_000;

export interface ExecuteInput {
  actionId: string;
  step: number;
  token: number;
  request: ExecuteRequest;
}

/** The activities that touch a runtime: the only ones with an effect in the world. */
export function createRuntimeActivities({ pool, runtimes }: ActivityDeps) {
  return {
    /** What stands before the act; turned into the aim of `execute`. */
    async inspect(target: RuntimeTarget): Promise<Snapshot> {
      return runtimeOf(runtimes, target).inspect(target);
    },

    /**
     * Acts once for (action, step), whatever is retried or overlaps: under the target's lock, with
     * a fencing token no lower than the highest obeyed, and with the journal read first.
     */
    async execute(input: ExecuteInput): Promise<StepResult> {
      const runtime = runtimeOf(runtimes, input.request.target);
      const target = input.request.target.resource;
      const key = { actionId: input.actionId, step: input.step, target, token: input.token };
      const heartbeat = setInterval(() => {
        Context.current().heartbeat(activityInfo().attempt);
      }, HEARTBEAT_MS);
      try {
        return await withTargetLock(pool, target, { waitMs: LOCK_WAIT_MS }, () =>
          executeOnce(pool, runtime, key, input.request),
        );
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

async function executeOnce(
  pool: Pool,
  runtime: Runtime,
  key: JournalKey,
  request: ExecuteRequest,
): Promise<StepResult> {
  const entry = await beginStep(pool, key, request.snapshot);
  switch (entry.kind) {
    case 'stale':
      throw ApplicationFailure.nonRetryable(
        `the slot of token ${key.token} was lost; the highest that this target obeyed is ${entry.highest}`,
        'StaleToken',
      );
    case 'ended':
      return entry.result;
    case 'begun': {
      const done = await runtime.findDone(request);
      if (done === 'unknowable') {
        throw stepFailed(
          new UnknownEffectError('it was begun before, and nobody can tell whether it was done'),
        );
      }
      if (done !== null) return end(pool, key, done);
      return end(pool, key, await tryThrice(runtime, request));
    }
    case 'fresh':
      return end(pool, key, await tryThrice(runtime, request));
  }
}

async function end(pool: Pool, key: JournalKey, result: StepResult): Promise<StepResult> {
  await endStep(pool, key, result);
  return result;
}

/** Transient errors get three tries; every other error fails the step at once. */
async function tryThrice(runtime: Runtime, request: ExecuteRequest): Promise<StepResult> {
  const { cancellationSignal } = Context.current();
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.execute(request, cancellationSignal);
    } catch (error) {
      const isLast = !(error instanceof TransientError) || attempt === TRANSIENT_TRIES;
      if (isLast) throw stepFailed(error);
      await Context.current().sleep(TRANSIENT_PAUSE_MS);
    }
  }
}

function stepFailed(cause: unknown): ApplicationFailure {
  const message = cause instanceof Error ? cause.message : String(cause);
  return ApplicationFailure.create({
    message,
    type: cause instanceof UnknownEffectError ? UNKNOWN_EFFECT : 'StepFailed',
    nonRetryable: true,
    ...(cause instanceof Error ? { cause } : {}),
  });
}

function runtimeOf(runtimes: ReadonlyMap<string, Runtime>, target: RuntimeTarget): Runtime {
  const { type } = target.spec.runtime;
  const runtime = runtimes.get(type);
  if (runtime === undefined) {
    throw ApplicationFailure.nonRetryable(`this worker has no runtime "${type}"`, 'UnknownRuntime');
  }
  return runtime;
}
