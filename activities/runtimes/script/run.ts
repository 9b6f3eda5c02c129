import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { TransientError } from '../../../domain/action/runtime';
import { createOutputCapture, type OutputCapture } from '../../../platform/output-capture';
import { endRun, type RunMarks } from './processes';
import { SCRIPT_LIMITS } from './spec';

/** How long output of a program that has ended is waited for: what it started may keep it open. */
const DRAIN_MS = 200;

const TRANSIENT = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY']);

export interface Run {
  /** Full path of the program, without links. */
  path: string;
  args: string[];
  cwd: string;
  /** All that it gets; holds secrets. */
  env: Record<string, string>;
  timeoutMs: number;
  killAfterMs: number;
  marks: RunMarks['marks'];
  signal: AbortSignal | null;
}

export interface Ended {
  /** `stopped`: by us, for that reason. */
  how:
    | { kind: 'exited'; code: number }
    | { kind: 'killed'; signal: string }
    | { kind: 'stopped'; reason: 'timeout' | 'cancelled' };
  stdout: OutputCapture;
  stderr: OutputCapture;
  durationMs: number;
  /** Pids that could not be ended. */
  leftOver: number[];
}

/**
 * Runs a program to its end, in a session of its own and without a shell. What it leaves in the
 * background when it ends by itself goes on running; at the timeout or when cancelled everything that
 * it started is ended. Throws only where it was not started.
 */
export async function runProgram(run: Run): Promise<Ended> {
  const startedAt = performance.now();
  const child = await start(run);
  const stdout = capture(child.stdout);
  const stderr = capture(child.stderr);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const closed = once(child, 'close');
  const stop = stopper(run);
  const leader = child.pid ?? 0;
  let leftOver: number[] = [];
  try {
    const reason = await Promise.race([exited.then(() => null), stop.wanted]);
    if (reason !== null) leftOver = await endRun({ leader, marks: run.marks }, run.killAfterMs);
    const isGone = reason === null || leftOver.length === 0;
    const [code, signal] = isGone ? await exited : [null, null];
    await Promise.race([closed, pause(DRAIN_MS)]);
    return {
      how: howItEnded(reason, code, signal),
      ...{ stdout, stderr, leftOver },
      durationMs: Math.round(performance.now() - startedAt),
    };
  } finally {
    stop.dispose();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function howItEnded(
  reason: 'timeout' | 'cancelled' | null,
  code: number | null,
  signal: NodeJS.Signals | null,
): Ended['how'] {
  if (reason !== null) return { kind: 'stopped', reason };
  if (code !== null) return { kind: 'exited', code };
  return { kind: 'killed', signal: signal ?? 'a signal' };
}

async function start({ path, args, cwd, env }: Run): Promise<ChildProcess> {
  let child: ChildProcess;
  try {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    child = spawn(path, args, { cwd, env, stdio, detached: true, shell: false });
  } catch (cause) {
    throw startError(path, cause);
  }
  if (child.pid === undefined) {
    const [cause] = (await once(child, 'error')) as [unknown];
    throw startError(path, cause);
  }
  return child;
}

/** The cause is left out: some of them print the environment, which holds secrets. */
function startError(path: string, cause: unknown): Error {
  const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
  const message = `${path} cannot be started (${code}); see errno(3)`;
  return TRANSIENT.has(code) ? new TransientError(message) : new Error(message);
}

function capture(stream: Readable | null): OutputCapture {
  const output = createOutputCapture(SCRIPT_LIMITS.outputBytes);
  stream?.on('data', output.push);
  // A broken pipe loses output, never the run.
  stream?.on('error', () => undefined);
  return output;
}

interface Stopper {
  wanted: Promise<'timeout' | 'cancelled'>;
  dispose: () => void;
}

function stopper({ timeoutMs, signal }: Run): Stopper {
  let dispose: () => void = () => undefined;
  const wanted = new Promise<'timeout' | 'cancelled'>((resolve) => {
    const timer = setTimeout(() => {
      resolve('timeout');
    }, timeoutMs);
    const cancel = (): void => {
      resolve('cancelled');
    };
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    dispose = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    };
  });
  return { wanted, dispose };
}
