import { activityInfo, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { restoreStep, type Journal } from '../domain/action/journal';
import type {
  ExecuteRequest,
  Runtime,
  RuntimeTarget,
  Snapshot,
  StepResult,
} from '../domain/action/runtime';
import type { Step } from '../domain/policy/policy';
import { HEARTBEAT_TIMEOUT_MS, NO_EFFECT } from '../workflows/contract';
import { effectOnce, type Effect, type Hindrance } from './effect';
import { pausedByFile } from './pause-file';
import { hasRules, settledTarget, settleTarget } from './settled-target';

const HEARTBEAT_MS = 1000;
const LOCK_WAIT_MS = 20_000;

export interface RuntimeActivityDeps {
  journal: Journal;
  /** By runtime type. */
  runtimes: ReadonlyMap<string, Runtime>;
  /** `VIGIL_HOME`: a file PAUSE in it stops every effect. */
  home: string;
  /** Names this worker and its journal; null on the control queue, whose workers share one journal. */
  claim?: string | null;
}

export interface InspectInput {
  target: RuntimeTarget;
  step: Step;
}

export interface ExecuteInput {
  actionId: string;
  step: number;
  token: number;
  request: ExecuteRequest;
  /** Epoch ms by the control plane's clock: what was confirmed for the effect does not hold any longer. */
  notAfter?: number;
}

/** The activities that touch a runtime: the only ones with an effect in the world. */
export function createRuntimeActivities(deps: RuntimeActivityDeps) {
  const { claim = null } = deps;
  return {
    /** What stands before the act; turned into the aim of `execute`. */
    async inspect(input: InspectInput | RuntimeTarget): Promise<Snapshot> {
      // Workflows of an earlier version send the target alone.
      const { target, step } = 'target' in input ? input : { target: input, step: undefined };
      const snapshot = await runtimeOf(deps, target).inspect(target, step);
      return claim === null ? snapshot : { ...snapshot, takenBy: claim };
    },

    /**
     * Acts once for (action, step), whatever is retried or overlaps: under the target's lock, with
     * a fencing token no lower than the highest obeyed, and with the journal read first.
     */
    async execute(input: ExecuteInput): Promise<StepResult> {
      const runtime = runtimeOf(deps, input.request.target);
      const act: Deed<StepResult>['act'] = (request, signal) => runtime.execute(request, signal);
      return perform(deps, input, { runtime, step: input.step, act });
    },

    /** Brings back what stood before a step, once; null: it cannot be undone, or never began here. */
    async restore(input: ExecuteInput): Promise<StepResult | null> {
      const runtime = runtimeOf(deps, input.request.target);
      if (runtime.restore === undefined) return null;
      const act: Deed<StepResult | null>['act'] = (given, signal) =>
        runtime.restore?.(given, signal) ?? Promise.resolve(null);
      const { actionId, step, request } = input;
      // The snapshot that counts is the one the step began with, whatever was looked at since.
      const snapshot = (await deps.journal.snapshotOf({ actionId, step })) ?? request.snapshot;
      const asked = { ...input, request: { ...request, snapshot } };
      return perform(deps, asked, { runtime, step: restoreStep(step), act });
    },
  };
}

interface Deed<T> {
  runtime: Runtime;
  step: number;
  act: (request: ExecuteRequest, signal: AbortSignal) => Promise<T>;
}

async function perform<T extends StepResult | null>(
  deps: RuntimeActivityDeps,
  input: ExecuteInput,
  { runtime, step, act }: Deed<T>,
): Promise<T> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  const target = input.request.target.resource;
  const pulse = startPulse(() => {
    context.heartbeat(activityInfo().attempt);
  });
  const effect: Effect<T> = {
    journal: deps.journal,
    findDone: (request) => runtime.findDone(aimed(request)),
    key: { actionId: input.actionId, step, target, token: input.token },
    request: input.request,
    prepare: settlingOf(runtime, input.request),
    act: (request) => act(aimed(request), signal),
    hindrance: () => hindranceOf(deps, input),
    assertHeard: pulse.assertHeard,
    sleep: (ms) => context.sleep(ms),
  };
  try {
    const options = { waitMs: LOCK_WAIT_MS, signal };
    return await deps.journal.withTargetLock(target, options, () => effectOnce(effect));
  } finally {
    pulse.stop();
  }
}

/**
 * What the manifest's rules and Vigil's overrides make of the target is settled once, before the
 * step begins: a look after a crash in the middle could see its own half-done work. An undo keeps
 * what was settled for its step.
 */
function settlingOf(
  runtime: Runtime,
  { target, snapshot }: ExecuteRequest,
): Effect<StepResult>['prepare'] {
  if (snapshot.settled !== undefined || !hasRules(target)) return null;
  return async (given) => ({ ...given, settled: await settleTarget(runtime, target) });
}

function aimed(request: ExecuteRequest): ExecuteRequest {
  return { ...request, target: settledTarget(request.target, request.snapshot.settled ?? []) };
}

/**
 * Heartbeats while this process runs. A process that was stopped, or a machine that was suspended,
 * goes on as if nothing had been; its try may long be lost, and must not act.
 */
function startPulse(beat: () => void): { assertHeard: () => void; stop: () => void } {
  let beatAt = Date.now();
  let isLost = false;
  const look = (): void => {
    const now = Date.now();
    isLost ||= now - beatAt > HEARTBEAT_TIMEOUT_MS;
    beatAt = now;
  };
  const timer = setInterval(() => {
    look();
    beat();
  }, HEARTBEAT_MS);
  return {
    assertHeard() {
      look();
      if (isLost) throw ApplicationFailure.retryable('was silent for too long', 'Lapsed');
    },
    stop() {
      clearInterval(timer);
    },
  };
}

/** The last look before an effect, by what this machine alone can tell. */
function hindranceOf(
  { home, claim = null }: RuntimeActivityDeps,
  { request, notAfter }: ExecuteInput,
): Hindrance | null {
  const paused = pausedByFile(home);
  if (paused !== null) return { type: NO_EFFECT.paused, reason: paused };
  const { takenBy } = request.snapshot;
  if (claim !== null && takenBy !== undefined && takenBy !== claim) {
    const reason = `two workers claim one host: ${takenBy} looked, and ${claim} was to act`;
    return { type: NO_EFFECT.hostAway, reason };
  }
  const lateMs = notAfter === undefined ? 0 : Date.now() - notAfter;
  if (lateMs <= 0) return null;
  const reason = `came ${Math.ceil(lateMs / 1000)} s after its confirmation had run out`;
  return { type: claim === null ? NO_EFFECT.late : NO_EFFECT.hostAway, reason };
}

function runtimeOf({ runtimes }: RuntimeActivityDeps, target: RuntimeTarget): Runtime {
  const { type } = target.spec.runtime;
  const runtime = runtimes.get(type);
  if (runtime === undefined) {
    throw ApplicationFailure.nonRetryable(`this worker has no runtime "${type}"`, 'UnknownRuntime');
  }
  return runtime;
}
