import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecuteRequest, Runtime, Snapshot, StepResult } from '../../domain/action/runtime';
import { PROCESS_CATALOGUE } from '../../activities/runtimes/process/spec';

export interface CountingRuntime extends Runtime {
  /** Keys of the effects that happened, in order, read from the file they are written to. */
  effects: () => string[];
  onExecute: (request: ExecuteRequest) => Promise<void>;
  /** Which verbs can be undone; by default none. */
  restorable: Set<string>;
  onRestore: (request: ExecuteRequest) => Promise<void>;
  /** Keys of the effects that were undone, in order. */
  undone: () => string[];
  /** What stands: the key of the last effect that was not undone. */
  value: () => string | null;
}

/**
 * A runtime whose effect is a line in a file: real, durable, and countable. Its identity is the
 * number of lines. The last effect stands in a file of its own, which can be brought back.
 */
export function createCountingRuntime(home: string): CountingRuntime {
  const file = join(home, 'effects');
  const restores = join(home, 'restores');
  const standing = join(home, 'standing');
  const linesOf = (path: string): string[] =>
    existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  const lines = (): string[] => linesOf(file);
  const value = (): string | null => linesOf(standing)[0] ?? null;
  const snapshot = (): Snapshot => ({
    identity: `#${lines().length}`,
    takenAt: Date.now(),
    before: { value: value() },
  });
  const done = (summary: string): StepResult => ({ identity: snapshot().identity, summary });
  const runtime: CountingRuntime = {
    catalogue: PROCESS_CATALOGUE,
    effects: lines,
    undone: () => linesOf(restores),
    value,
    restorable: new Set(),
    onExecute: () => Promise.resolve(),
    onRestore: () => Promise.resolve(),
    inspect: () => Promise.resolve(snapshot()),
    async execute(request) {
      await runtime.onExecute(request);
      appendFileSync(file, `${request.key}\n`);
      writeFileSync(standing, request.key);
      return { ...done('wrote a line'), details: { tail: ['one', 'two'] } };
    },
    async restore(request) {
      if (!runtime.restorable.has(request.step.action)) return null;
      await runtime.onRestore(request);
      appendFileSync(restores, `${request.key}\n`);
      const before = request.snapshot.before?.['value'];
      writeFileSync(standing, typeof before === 'string' ? before : '');
      return done('brought the old line back');
    },
    findDone: ({ key }) =>
      Promise.resolve([...lines(), ...linesOf(restores)].includes(key) ? done('found it') : null),
    observe: () => Promise.reject(new Error('this runtime is not observed')),
    ensureRunning: () => Promise.resolve(null),
  };
  return runtime;
}
