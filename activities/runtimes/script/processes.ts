import { setTimeout as pause } from 'node:timers/promises';
import { MARKERS } from '../../../domain/action/markers';
import {
  isAlive,
  isRunning,
  lineageOf,
  listPids,
  readEnvironment,
  readStat,
  type ProcessStat,
} from '../../../platform/procfs';

const POLL_MS = 20;
const KILL_PATIENCE_MS = 2_000;

/** What belongs to one run: its session, and whatever left that and still carries the run's marks. */
export interface RunMarks {
  /** Pid of the session's leader; null: of a run that an earlier worker started. */
  leader: number | null;
  /** The resource and the step that it was run for; null: for none. */
  marks: { resource: string; key: string } | null;
}

/** What still lives of a run; never pid 1, this process or its ancestors. */
export function membersOf({ leader, marks }: RunMarks): ProcessStat[] {
  const sheltered = [1, ...lineageOf(process.pid)];
  return listPids()
    .filter((pid) => !sheltered.includes(pid))
    .map(readStat)
    .filter(isRunning)
    .filter(
      ({ pid, sessionId }) => sessionId === leader || (marks !== null && carries(pid, marks)),
    );
}

function carries(pid: number, { resource, key }: { resource: string; key: string }): boolean {
  const environment = readEnvironment(pid);
  return environment?.get(MARKERS.resource) === resource && environment.get(MARKERS.action) === key;
}

/**
 * Ends a run with all that it started: SIGTERM, and SIGKILL to what is still there after
 * `killAfterMs`. Answers the pids that could not be ended (they run as another user).
 */
export async function endRun(run: RunMarks, killAfterMs: number): Promise<number[]> {
  await signalUntilGone(run, 'SIGTERM', killAfterMs);
  // What was started since the first look is found by the next one.
  return signalUntilGone(run, 'SIGKILL', KILL_PATIENCE_MS);
}

async function signalUntilGone(
  run: RunMarks,
  signal: 'SIGTERM' | 'SIGKILL',
  patienceMs: number,
): Promise<number[]> {
  const deadline = performance.now() + patienceMs;
  const told = new Set<number>();
  for (;;) {
    const members = membersOf(run);
    for (const member of members) {
      if (told.has(member.pid) && signal === 'SIGTERM') continue;
      if (isAlive(member)) send(member.pid, signal);
      told.add(member.pid);
    }
    if (members.length === 0 || performance.now() > deadline) return members.map(({ pid }) => pid);
    await pause(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // EPERM: it runs as another user, and is reported as not ended.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
