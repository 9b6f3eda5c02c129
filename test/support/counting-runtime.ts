import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecuteRequest, Runtime, Snapshot, StepResult } from '../../domain/action/runtime';
import { PROCESS_CATALOGUE } from '../../activities/runtimes/process/spec';

export interface CountingRuntime extends Runtime {
  /** Keys of the effects that happened, in order, read from the file they are written to. */
  effects: () => string[];
  onExecute: (request: ExecuteRequest) => Promise<void>;
}

/**
 * A runtime whose effect is a line in a file: real, durable, and countable. Its identity is the
 * number of lines.
 */
export function createCountingRuntime(home: string): CountingRuntime {
  const file = join(home, 'effects');
  const lines = (): string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const snapshot = (): Snapshot => ({ identity: `#${lines().length}`, takenAt: Date.now() });
  const done = (): StepResult => ({ identity: snapshot().identity, summary: 'wrote a line' });
  const runtime: CountingRuntime = {
    catalogue: PROCESS_CATALOGUE,
    effects: lines,
    onExecute: () => Promise.resolve(),
    inspect: () => Promise.resolve(snapshot()),
    async execute(request) {
      await runtime.onExecute(request);
      appendFileSync(file, `${request.key}\n`);
      return done();
    },
    findDone: (request) => Promise.resolve(lines().includes(request.key) ? done() : null),
    observe: () => Promise.reject(new Error('this runtime is not observed')),
    ensureRunning: () => Promise.resolve(null),
  };
  return runtime;
}
