import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const HAS_PROC = existsSync('/proc/self/stat');

/** Whether the process runs; one that has ended but was not reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !HAS_PROC || statFields(pid)[0] !== 'Z';
}

/** When the process was started, in a form only good for comparing: a pid alone may be reused. */
export function startTime(pid: number): string | null {
  const START_TIME = 19;
  return statFields(pid)[START_TIME] ?? null;
}

/** The fields of /proc/<pid>/stat from the state on; the command before may hold any character. */
function statFields(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Processes that have exactly this argument, which is a path that only ours are given. */
export function findByArgument(argument: string): number[] {
  return (HAS_PROC ? listFromProc() : listFromPs())
    .filter(({ pid, argv }) => argv.includes(argument) && pid !== process.pid && isAlive(pid))
    .map(({ pid }) => pid);
}

function listFromProc(): { pid: number; argv: string[] }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), argv: commandLine(Number(name)) }));
}

/** Arguments of a running process, [] if it is gone or not ours to see. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function listFromPs(): { pid: number; argv: string[] }[] {
  const text = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8' });
  return text.split('\n').map((line) => {
    const [pid = '0', ...argv] = line.trim().split(/\s+/);
    return { pid: Number(pid), argv };
  });
}

/** Asks a process to end, and after the deadline ends it and its group. Returns when it is gone. */
export async function endProcess(
  pid: number,
  how: { signal: NodeJS.Signals; deadlineMs: number },
): Promise<void> {
  sendSignal(pid, how.signal);
  if (await isGone(pid, how.deadlineMs)) return;
  sendSignal(-pid, 'SIGKILL');
  sendSignal(pid, 'SIGKILL');
  const AFTER_KILL_MS = 5000;
  await isGone(pid, AFTER_KILL_MS);
}

/** A negative pid means the process group. One that is gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
