import type { ExecuteRequest, ObservedState, Runtime } from '../../../domain/action/runtime';
import { EXTERNAL_CATALOGUE } from './spec';

const UNSEEN: ObservedState = {
  isUnseen: true,
  ...{ identity: null, isRunning: false, isAbsent: false, command: null, env: null, config: [] },
};

/** Looks at nothing and does nothing: what is known of such a resource is what outsiders report. */
export function createExternalRuntime({ now }: { now: () => number }): Runtime {
  const refuse = ({ target, step }: ExecuteRequest): Error =>
    new Error(`${target.resource} is run by others: Vigil does no "${step.action}" on it`);
  return {
    catalogue: EXTERNAL_CATALOGUE,
    inspect: () => Promise.resolve({ identity: null, takenAt: now() }),
    execute: (request) => Promise.reject(refuse(request)),
    findDone: () => Promise.resolve(null),
    observe: () => Promise.resolve(UNSEEN),
    ensureRunning: () => Promise.resolve(null),
  };
}
