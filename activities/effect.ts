import { ApplicationFailure } from '@temporalio/common';
import type { Journal, JournalKey } from '../domain/action/journal';
import {
  TransientError,
  UnknownEffectError,
  type ExecuteRequest,
  type Runtime,
  type Snapshot,
  type StepResult,
} from '../domain/action/runtime';
import type { NO_EFFECT } from '../workflows/contract';
import { UNKNOWN_EFFECT } from '../workflows/contract';

const TRANSIENT_TRIES = 3;
const TRANSIENT_PAUSE_MS = 1000;

/** Why nothing may be done now, asked right before the effect. */
export interface Hindrance {
  type: (typeof NO_EFFECT)[keyof typeof NO_EFFECT];
  reason: string;
}

export interface Effect<T extends StepResult | null> {
  journal: Journal;
  findDone: Runtime['findDone'];
  key: JournalKey;
  request: ExecuteRequest;
  /** Adds, before the step begins, what is written down with its beginning. Null: there is nothing to add. */
  prepare: ((snapshot: Snapshot) => Promise<Snapshot>) | null;
  act: (request: ExecuteRequest) => Promise<T>;
  hindrance: () => Hindrance | null;
  /** Throws once this try was silent for too long: another one may be at work. */
  assertHeard: () => void;
  sleep: (ms: number) => Promise<void>;
}

/**
 * One effect, once, under the lock of its target: the token obeyed, the journal read, and what was
 * begun before looked for in the world. What was never begun is not begun under a hindrance; what
 * was begun and cannot be found then is unknown.
 */
export async function effectOnce<T extends StepResult | null>(effect: Effect<T>): Promise<T> {
  const { journal, key } = effect;
  effect.assertHeard();
  const hindrance = effect.hindrance();
  if (hindrance !== null && (await journal.snapshotOf(key)) === null) {
    throw ApplicationFailure.nonRetryable(hindrance.reason, hindrance.type);
  }
  const request = { ...effect.request, snapshot: await prepared(effect) };
  const entry = await journal.begin(key, request.snapshot);
  switch (entry.kind) {
    case 'stale':
      throw ApplicationFailure.nonRetryable(
        `the slot of token ${key.token} was lost; the highest that this target obeyed is ${entry.highest}`,
        'StaleToken',
      );
    case 'ended':
      return entry.result as T;
    case 'begun':
      return again(effect, { ...request, snapshot: entry.snapshot }, hindrance);
    case 'fresh':
      return done(effect, await tryThrice(effect, () => effect.act(request)));
  }
}

/** Of a step that was begun before, the journal tells what it began with. */
async function prepared<T extends StepResult | null>(effect: Effect<T>): Promise<Snapshot> {
  const { journal, key, prepare } = effect;
  const { snapshot } = effect.request;
  if (prepare === null) return snapshot;
  // An entry that cannot be read is for `begin` to judge.
  const begun = await journal.snapshotOf(key).catch(() => null);
  return begun ?? tryThrice(effect, () => prepare(snapshot));
}

/** It was begun before: found, it is done; else it is done now, with the aim that it began with. */
async function again<T extends StepResult | null>(
  effect: Effect<T>,
  request: ExecuteRequest,
  hindrance: Hindrance | null,
): Promise<T> {
  const found = await effect.findDone(request);
  if (found === 'unknowable') {
    throw stepFailed(
      new UnknownEffectError('it was begun before, and nobody can tell whether it was done'),
    );
  }
  if (found !== null) return done(effect, found as T);
  if (hindrance !== null) {
    throw stepFailed(new UnknownEffectError(`it was begun before, and now: ${hindrance.reason}`));
  }
  return done(effect, await tryThrice(effect, () => effect.act(request)));
}

async function done<T extends StepResult | null>(
  { journal, key }: Effect<T>,
  result: T,
): Promise<T> {
  await journal.end(key, result);
  return result;
}

/** Transient errors get three tries; every other error fails the step at once. */
async function tryThrice<T>(
  { assertHeard, sleep }: Pick<Effect<StepResult | null>, 'assertHeard' | 'sleep'>,
  act: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    assertHeard();
    try {
      return await act();
    } catch (error) {
      const isLast = !(error instanceof TransientError) || attempt === TRANSIENT_TRIES;
      if (isLast) throw stepFailed(error);
      await sleep(TRANSIENT_PAUSE_MS);
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
