import { spawn, type ChildProcess } from 'node:child_process';
import { CliFailure } from '../failure';
import type { ChildOutput } from './child-output';
import { sendSignal } from './os-process';
import { waitUntil } from './wait';

/** Everything there is to know about a process that is kept running: data, so that tests can supervise scripts. */
export interface ChildSpec {
  name: string;
  command: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Another user than the caller's. */
  account?: { uid: number; gid: number } | null;
  /** A Node process of ours: it ends by itself when the channel to its parent breaks. */
  hasChannel: boolean;
  stopSignal: NodeJS.Signals;
  stopDeadlineMs: number;
  startDeadlineMs: number;
  /** It is healthy only after it has logged `ready`. */
  saysReady: boolean;
  /** It is healthy only when this resolves. */
  probe: () => Promise<void>;
}

export interface SuperviseOptions {
  output: ChildOutput;
  say: (line: string) => void;
  /** Milliseconds; the delay doubles from first to longest, and starts anew after a calm time. */
  backoff: { firstMs: number; longestMs: number; calmMs: number };
  /** Aborted: a start that is under way gives up. */
  signal?: AbortSignal;
}

export interface Supervised {
  name: string;
  pid: () => number | null;
  /** Stops it for good: its stop signal, and past the deadline SIGKILL to its whole group. */
  stop: () => Promise<void>;
}

export const DEFAULT_BACKOFF = { firstMs: 500, longestMs: 30_000, calmMs: 60_000 };

/**
 * Starts a process and resolves once it is healthy; from then on restarts it whenever it ends.
 * Throws CliFailure, with its last words, when it ends or stays unhealthy during its first start.
 */
export async function supervise(spec: ChildSpec, options: SuperviseOptions): Promise<Supervised> {
  const { output, say } = options;
  const stopped = new AbortController();
  const signals = options.signal ? [stopped.signal, options.signal] : [stopped.signal];
  const giveUp = AbortSignal.any(signals);
  let run = launch(spec, output);
  let wake: () => void = () => undefined;

  async function keepRunning(): Promise<void> {
    let delayMs = options.backoff.firstMs;
    let startedAt = performance.now();
    for (;;) {
      const end = await run.ended;
      if (stopped.signal.aborted) return;
      if (performance.now() - startedAt > options.backoff.calmMs) delayMs = options.backoff.firstMs;
      say(
        `${spec.name} ended unexpectedly (${end}); starting it again in ${delayMs / 1000} s, see ${output.path}`,
      );
      await pause(delayMs, (resume) => (wake = resume));
      if (isAborted(stopped.signal)) return;
      delayMs = Math.min(delayMs * 2, options.backoff.longestMs);
      startedAt = performance.now();
      run = launch(spec, output);
      const again = run;
      healthy(spec, again, giveUp).then(
        () => {
          say(`${spec.name} runs again`);
        },
        // An end is said by this loop; one that hangs unhealthy is left to whoever reads its log.
        () => undefined,
      );
    }
  }

  try {
    await healthy(spec, run, giveUp);
  } catch (error) {
    stopped.abort();
    await run.end(spec);
    if (options.signal?.aborted) throw options.signal.reason;
    throw startFailure(spec, output, error);
  }
  const kept = keepRunning();
  return {
    name: spec.name,
    pid: () => run.child.pid ?? null,
    async stop() {
      stopped.abort();
      wake();
      await run.end(spec);
      await kept;
    },
  };
}

interface Run {
  child: ChildProcess;
  /** How it ended: `exit code 1`, `SIGKILL`, or why it could not be started. */
  ended: Promise<string>;
  /** It has logged `ready`. */
  ready: Promise<void>;
  end: (spec: ChildSpec) => Promise<void>;
}

/** How long the output of an ended process may stay open in the hands of something it started. */
const OUTPUT_GRACE_MS = 1000;

/** Groups that die with this process, whatever ends it short of SIGKILL. */
const groups = new Set<number>();
process.on('exit', () => {
  for (const group of groups) sendSignal(-group, 'SIGKILL');
});

/** In a group of its own: Ctrl-C reaches the supervisor only, which then ends things in order. */
function launch(spec: ChildSpec, output: ChildOutput): Run {
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', spec.hasChannel ? 'ipc' : 'ignore'],
    ...(spec.account ?? {}),
  });
  const group = child.pid;
  if (group !== undefined) groups.add(group);
  let isReady: () => void;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  if (child.stdout !== null && child.stderr !== null) {
    output.attach(child.stdout, child.stderr, (message) => {
      if (message === 'ready') isReady();
    });
  }
  const ended = endOf(child).finally(() => {
    if (group !== undefined) groups.delete(group);
  });
  const end = async ({ stopSignal, stopDeadlineMs }: ChildSpec): Promise<void> => {
    if (group === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(stopSignal);
    const killer = setTimeout(() => {
      sendSignal(-group, 'SIGKILL');
    }, stopDeadlineMs);
    await ended;
    clearTimeout(killer);
  };
  return { child, ended, ready, end };
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    // 'close' comes after the last line of output, which says why.
    child.once('close', (code, signal) => {
      resolve(signal ?? `exit code ${code}`);
    });
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
      setTimeout(resolve, OUTPUT_GRACE_MS, signal ?? `exit code ${code}`).unref();
    });
  });
}

async function healthy(spec: ChildSpec, run: Run, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const ended = run.ended.then((how) => {
    throw new Error(how);
  });
  try {
    await Promise.race([
      ended,
      waitUntil(probeOf(spec, run), { deadlineMs: spec.startDeadlineMs, signal: either }),
    ]);
  } finally {
    done.abort();
  }
}

/** Its word first: an HTTP interface may answer long before the rest is up. */
function probeOf(spec: ChildSpec, run: Run): () => Promise<void> {
  let isReady = !spec.saysReady;
  void run.ready.then(() => (isReady = true));
  return () =>
    isReady ? spec.probe() : Promise.reject(new Error('it has not said that it is ready'));
}

function startFailure(spec: ChildSpec, output: ChildOutput, cause: unknown): CliFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  const words = output.lastWords();
  const said = words === '' ? why : words;
  return new CliFailure(
    `${spec.name} did not start: ${said}\n(${why}; all of it in ${output.path})`,
    1,
    {
      cause,
    },
  );
}

async function pause(ms: number, onWake: (resume: () => void) => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A call, so that the compiler does not take an earlier look at the signal for the present one. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
