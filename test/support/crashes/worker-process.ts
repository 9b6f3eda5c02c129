import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '../wait';
import type { FromWorker, Point, ToWorker, WorkerSettings } from './worker';

const START_MS = 60_000;
const HELD_MS = 90_000;

/** A real control worker in a process of its own. */
export interface WorkerProcess {
  pid: number;
  /** The action of the resource stops at that point, until it is let go or the process dies. */
  holdAt: (resource: string, point: Point) => void;
  isHeld: (resource: string) => Promise<void>;
  release: (resource: string) => void;
  /** SIGSTOP and SIGCONT: a machine that is suspended and goes on. */
  suspend: () => void;
  resume: () => void;
  /** SIGTERM: it tells what it has done, and ends. */
  retire: () => Promise<void>;
  /** SIGKILL; resolves once it is gone. */
  kill: () => Promise<void>;
}

export async function startWorkerProcess(settings: WorkerSettings): Promise<WorkerProcess> {
  const hook = join(__dirname, '../typescript-hook.cjs');
  const child = spawn(process.execPath, ['-r', hook, join(__dirname, 'worker.ts')], {
    stdio: [
      'ignore',
      'ignore',
      process.env['TEST_LOG'] === undefined ? 'ignore' : 'inherit',
      'ipc',
    ],
    env: process.env,
  });
  const held = new Set<string>();
  const state = { isReady: false };
  child.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') state.isReady = true;
    else held.add(message.resource);
  });
  const send = (message: ToWorker): void => {
    child.send(message);
  };
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (isGone()) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  };
  send({ kind: 'start', settings });
  await waitFor(
    'the worker',
    () => {
      if (isGone()) throw new Error('the worker ended by itself');
      return state.isReady;
    },
    START_MS,
  );
  return {
    pid: child.pid ?? 0,
    holdAt(resource, point) {
      send({ kind: 'hold', resource, point });
    },
    async isHeld(resource) {
      await waitFor(`${resource} to be held`, () => held.has(resource), HELD_MS);
    },
    release(resource) {
      send({ kind: 'release', resource });
    },
    suspend() {
      child.kill('SIGSTOP');
    },
    resume() {
      child.kill('SIGCONT');
    },
    retire: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
