import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { sendSignal } from './os-process';

const LAST_LINES = 5;
const LOOK_EVERY_MS = 1000;

export interface ToolRun {
  command: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  onLine?: (line: string) => void;
  /** Given up when `progress` returns the same number for this long. */
  stall?: { afterMs: number; progress: () => number };
}

/**
 * Runs a program to its end and returns its standard output. Throws with its last lines when it
 * fails or stalls, with the signal's reason when it is aborted; then its whole group is killed.
 */
export async function runTool(run: ToolRun): Promise<string[]> {
  run.signal?.throwIfAborted();
  const child = spawn(run.command, run.args, {
    cwd: run.cwd,
    env: run.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  let lastLines: string[] = [];
  const kill = (): void => {
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
  };
  const stalled = new AbortController();
  const watch = watchStall(run.stall, () => {
    stalled.abort(new Error(`no progress for ${(run.stall?.afterMs ?? 0) / 1000} s`));
    kill();
  });
  run.signal?.addEventListener('abort', kill, { once: true });
  process.once('exit', kill);
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines = [...lastLines, line].slice(-LAST_LINES);
    run.onLine?.(line);
  });
  try {
    const end = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve(code ?? signal ?? 'unknown end');
      });
    });
    run.signal?.throwIfAborted();
    stalled.signal.throwIfAborted();
    if (end !== 0) throw new Error(lastLines.join('; ') || `ended with ${end}`);
    return output;
  } finally {
    clearInterval(watch);
    run.signal?.removeEventListener('abort', kill);
    process.off('exit', kill);
  }
}

function watchStall(stall: ToolRun['stall'], onStall: () => void): NodeJS.Timeout | undefined {
  if (stall === undefined) return undefined;
  let seen = stall.progress();
  let seenAt = performance.now();
  return setInterval(() => {
    const now = stall.progress();
    if (now !== seen) {
      seen = now;
      seenAt = performance.now();
    } else if (performance.now() - seenAt > stall.afterMs) {
      onStall();
    }
  }, LOOK_EVERY_MS);
}
