import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Bench } from './bench';
import type { Pass } from './passes';

/** What the benchmark asks its processes, and what they say. */

export type StormRequest =
  | { kind: 'report'; id: number; values: readonly (readonly [name: string, value: number])[] }
  | { kind: 'passes' }
  | { kind: 'stop' };

export type StormWord =
  | { kind: 'ready' }
  | { kind: 'reported'; id: number }
  | { kind: 'healed'; resource: string }
  | { kind: 'passes'; passes: Pass[] };

export interface StormProcess {
  pid: number;
  /** Stores one value of each resource (name without namespace), sampled now. */
  report: (values: readonly (readonly [string, number])[]) => Promise<void>;
  /** The admission passes since the last call. */
  passes: () => Promise<Pass[]>;
}

/** Starts one and waits until it is ready; ended with the benchmark. */
export async function startStormProcess(
  role: 'detector' | 'worker',
  servers: { databaseUrl: string; temporalAddress: string },
  { bench, onHealed }: { bench: Bench; onHealed: (resource: string) => void },
): Promise<StormProcess> {
  const file = join(__dirname, 'storm-process.ts');
  const child = fork(file, [role, servers.databaseUrl, servers.temporalAddress], {
    execArgv: ['--import', 'jiti/register'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`the ${role} of the storm ended (${signal ?? String(code)})`));
    });
  });
  ended.catch(() => undefined);
  const send = (request: StormRequest): void => void child.send(request);
  const waiting = new Map<string, (word: StormWord) => void>();
  child.on('message', (word: StormWord) => {
    if (word.kind === 'healed') onHealed(word.resource);
    const key = word.kind === 'reported' ? `reported ${word.id}` : word.kind;
    waiting.get(key)?.(word);
    waiting.delete(key);
  });
  const heard = (key: string): Promise<StormWord> =>
    Promise.race([new Promise<StormWord>((resolve) => waiting.set(key, resolve)), ended]);
  bench.lifecycle.onStop(role, async () => {
    if (child.exitCode === null && child.connected) send({ kind: 'stop' });
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await ended.catch(() => undefined);
    clearTimeout(killer);
  });
  await heard('ready');
  let reports = 0;
  return {
    pid: child.pid ?? 0,
    async report(values) {
      const id = (reports += 1);
      const stored = heard(`reported ${id}`);
      send({ kind: 'report', id, values });
      await stored;
    },
    async passes() {
      const answer = heard('passes');
      send({ kind: 'passes' });
      const word = await answer;
      return word.kind === 'passes' ? word.passes : [];
    },
  };
}

const STOP_DEADLINE_MS = 30_000;
