import { setTimeout as pause } from 'node:timers/promises';
import { TransientError } from '../../../domain/action/runtime';
import type { ResourceKey } from '../../../domain/resource';
import { isAlive, readStat, type ProcessId, type ProcessStat } from '../../../platform/procfs';
import type { ProcessContext } from './context';
import { findMembers, protectedPids } from './find';

const POLL_MS = 20;
const KILL_PATIENCE_MS = 5_000;

/**
 * Ends a process and all that it started: SIGTERM to its group and to what left it, SIGKILL to what
 * is still there after the stop timeout. Returns when all are gone. `leader` is null when the
 * process itself is gone and only what it left behind is to be ended.
 */
export async function stopProcess(
  context: ProcessContext,
  resource: ResourceKey,
  leader: ProcessId | null,
): Promise<void> {
  if (leader !== null && protectedPids().includes(leader.pid)) {
    throw new Error(
      `${resource} is process ${leader.pid}, which Vigil itself runs in: not stopped`,
    );
  }
  const members = findMembers(context.home, resource, leader);
  terminate(members, leader);
  await waitUntilGone(members, context.stopTimeoutMs);

  const deadline = performance.now() + KILL_PATIENCE_MS;
  let remaining = findMembers(context.home, resource, leader);
  while (remaining.length > 0) {
    if (performance.now() > deadline) {
      const pids = remaining.map(({ pid }) => pid).join(', ');
      throw new TransientError(`${resource}: process ${pids} did not end after SIGKILL`);
    }
    for (const member of remaining) signalOne(member, 'SIGKILL');
    await waitUntilGone(remaining, 500);
    remaining = findMembers(context.home, resource, leader);
  }
}

function terminate(members: readonly ProcessStat[], leader: ProcessId | null): void {
  const isLed = leader !== null && readStat(leader.pid)?.groupId === leader.pid;
  if (isLed && isAlive(leader)) send(-leader.pid, 'SIGTERM');
  for (const member of members) {
    if (!isLed || member.groupId !== leader.pid) signalOne(member, 'SIGTERM');
  }
}

/** Looks once more right before: the pid may have gone to another process since it was found. */
function signalOne(member: ProcessId, signal: NodeJS.Signals): void {
  if (isAlive(member)) send(member.pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new Error(
      `process ${Math.abs(pid)} cannot be stopped (${code ?? 'unknown error'}): it runs as another user; run Vigil as that user or as root`,
      { cause },
    );
  }
}

async function waitUntilGone(members: readonly ProcessId[], patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (members.some(isAlive) && performance.now() < deadline) await pause(POLL_MS);
}
