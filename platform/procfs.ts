import { readdirSync, readFileSync } from 'node:fs';

/** Unit of every CPU and start time in /proc: USER_HZ, which is 100 on all of Linux. */
export const TICKS_PER_SECOND = 100;

export interface ProcessStat {
  pid: number;
  /** `R S D T Z X …`. */
  state: string;
  parentPid: number;
  groupId: number;
  sessionId: number;
  /** User and system time so far. */
  cpuTicks: number;
  /** Since boot; with the pid and the boot id it names one process for ever. */
  startTicks: number;
}

/** A pid with its start time: a later process with the same pid is another one. */
export type ProcessId = Pick<ProcessStat, 'pid' | 'startTicks'>;

/**
 * Reads are synchronous on purpose: /proc answers from memory within microseconds, and a look must
 * not be split by other work of this process (a child is reaped between two turns of the loop).
 */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Null: there is no such process. A zombie has a stat, too. */
export function readStat(pid: number): ProcessStat | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index]);
  return {
    pid,
    state: fields[0] ?? 'X',
    parentPid: number(1),
    groupId: number(2),
    sessionId: number(3),
    cpuTicks: number(11) + number(12),
    startTicks: number(19),
  };
}

/** Zombies do not run any more. */
export function isRunning(stat: ProcessStat | null): stat is ProcessStat {
  return stat !== null && stat.state !== 'Z' && stat.state !== 'X';
}

/** Whether exactly this process still runs. */
export function isAlive(id: ProcessId): boolean {
  const stat = readStat(id.pid);
  return isRunning(stat) && stat.startTicks === id.startTicks;
}

/** The environment as given at the start; null where it may not be read. */
export function readEnvironment(pid: number): Map<string, string> | null {
  const text = read(`/proc/${pid}/environ`);
  if (text === null) return null;
  return new Map(
    text.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=');
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : [];
    }),
  );
}

/** Null: no such process, or one without a command line (kernel thread, zombie). */
export function readCommandLine(pid: number): string[] | null {
  const text = read(`/proc/${pid}/cmdline`);
  return text === null || text === '' ? null : text.replace(/\0$/, '').split('\0');
}

/** Resident memory in bytes; null when the process is gone. */
export function readResidentBytes(pid: number): number | null {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '');
  return match === null ? null : Number(match[1]) * 1024;
}

/** Whether a process handles or ignores a signal, by its number; else the signal may end it. */
export function handlesSignal(pid: number, signal: number): boolean {
  const status = read(`/proc/${pid}/status`) ?? '';
  const bit = 1n << BigInt(signal - 1);
  return ['SigCgt', 'SigIgn'].some((name) => {
    const mask = new RegExp(`^${name}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & bit) !== 0n;
  });
}

/** Epoch ms at which a process started, to a hundredth of a second. */
export function startedAt({ startTicks }: Pick<ProcessStat, 'startTicks'>): number {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(read('/proc/stat') ?? '')?.[1] ?? 0);
  return (bootSeconds + startTicks / TICKS_PER_SECOND) * 1000;
}

export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Differs after every boot, so that no identity outlives one. */
export function bootId(): string {
  const id = read('/proc/sys/kernel/random/boot_id');
  if (id === null)
    throw new Error('/proc is not mounted: processes can only be told apart on Linux');
  return id.trim();
}

/** The process itself, then its parent, and so on up to pid 1. */
export function lineageOf(pid: number): number[] {
  const lineage = [pid];
  for (
    let stat = readStat(pid);
    stat !== null && stat.parentPid > 0;
    stat = readStat(stat.parentPid)
  ) {
    lineage.push(stat.parentPid);
  }
  return lineage;
}
