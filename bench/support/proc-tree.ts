import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  isRunning,
  listPids,
  readCommandLine,
  readStat,
  TICKS_PER_SECOND,
  type ProcessStat,
} from '../../platform/procfs';

/** What one part of a tree of processes costs. */
export interface Cost {
  processes: number;
  /** Proportional set size: shared pages are divided among all who map them. */
  pssBytes: number;
  /** Of all its processes so far, ended ones included. */
  cpuSeconds: number;
}

/** `workload`: what the runtimes started, which is not Vigil. */
export type PartName =
  | 'supervisor'
  | 'api'
  | 'worker'
  | 'gitops'
  | 'agent'
  | 'postgres'
  | 'temporal'
  | 'redis'
  | 'workload'
  | 'other';

/** The cost of each part below `root`, which counts as the supervisor. Parts come in a fixed order. */
export function costsBelow(root: number): Map<PartName, Cost> {
  const stats = listPids().map(readStat).filter(isRunning);
  const costs = new Map<PartName, Cost>();

  function visit(pid: number, part: PartName): void {
    add(costs, part, pid);
    for (const child of stats) {
      if (child.parentPid === pid) visit(child.pid, partOf(child, part));
    }
  }

  visit(root, 'supervisor');
  return costs;
}

/** Cost of processes that belong to no tree. */
export function costOf(pids: readonly number[]): Cost {
  const costs = new Map<PartName, Cost>();
  for (const pid of pids) add(costs, 'other', pid);
  return costs.get('other') ?? { processes: 0, pssBytes: 0, cpuSeconds: 0 };
}

/** What belongs to a server belongs to its part; what the worker starts is none of Vigil. */
function partOf({ pid }: ProcessStat, parent: PartName): PartName {
  if (parent === 'worker' || parent === 'workload') return 'workload';
  if (parent !== 'supervisor') return parent;
  const command = readCommandLine(pid) ?? [];
  const main = command.find((word) => /dist\/\w+\/main\.js$/.test(word));
  if (main !== undefined) return MAINS[basename(main.slice(0, -'/main.js'.length))] ?? 'other';
  // Redis writes its whole title into the first word.
  const program = basename((command[0] ?? '').split(' ')[0] ?? '');
  return PROGRAMS.find(([prefix]) => program.startsWith(prefix))?.[1] ?? 'other';
}

const MAINS: Readonly<Record<string, PartName>> = {
  api: 'api',
  workers: 'worker',
  gitops: 'gitops',
  agent: 'agent',
};
const PROGRAMS: readonly (readonly [string, PartName])[] = [
  ['postgres', 'postgres'],
  ['temporal', 'temporal'],
  ['redis-server', 'redis'],
];

function add(costs: Map<PartName, Cost>, part: PartName, pid: number): void {
  const cost = costs.get(part) ?? { processes: 0, pssBytes: 0, cpuSeconds: 0 };
  cost.processes += 1;
  cost.pssBytes += pssBytes(pid);
  cost.cpuSeconds += cpuSeconds(pid);
  costs.set(part, cost);
}

/** 0 for a process that has just ended. */
function pssBytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readProc(pid, 'smaps_rollup'));
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** With that of its ended children, so that nothing is lost when one ends between two looks. */
function cpuSeconds(pid: number): number {
  const text = readProc(pid, 'stat');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
  const ticks = (user ?? 0) + (system ?? 0) + (childUser ?? 0) + (childSystem ?? 0);
  return ticks / TICKS_PER_SECOND;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
