import { MARKERS } from '../../../domain/action/markers';
import type { ResourceKey } from '../../../domain/resource';
import {
  bootId,
  isAlive,
  isRunning,
  lineageOf,
  listPids,
  readCommandLine,
  readEnvironment,
  readStat,
  type ProcessId,
  type ProcessStat,
} from '../../../platform/procfs';
import type { ProcessRecord, StartedWith } from './record';

export interface RunningProcess extends ProcessId {
  /** `<boot id>:<pid>:<start time in ticks>`. */
  identity: string;
  /** Key of the step that started it, or `start`. */
  key: string;
  command: string[] | null;
  /** Null: nobody knows. */
  variables: StartedWith | null;
}

interface Marked {
  stat: ProcessStat;
  environment: Map<string, string>;
}

export function identityOf(boot: string, { pid, startTicks }: ProcessId): string {
  return `${boot}:${pid}:${startTicks}`;
}

/**
 * The process of a resource: the recorded one while it lives, else one that was started and not
 * recorded (a crash in between), known by its environment. Null: not running.
 */
export function findProcess(
  home: string,
  resource: ResourceKey,
  record: ProcessRecord | null,
): RunningProcess | null {
  const boot = bootId();
  if (record !== null && record.bootId === boot && isAlive(record)) {
    const { pid, startTicks, key, command, variables = null } = record;
    return { pid, startTicks, key, command, variables, identity: identityOf(boot, record) };
  }
  const found = unrecorded(home, resource, record);
  if (found === null) return null;
  return {
    pid: found.stat.pid,
    startTicks: found.stat.startTicks,
    identity: identityOf(boot, found.stat),
    key: found.environment.get(MARKERS.action) ?? '',
    command: readCommandLine(found.stat.pid),
    variables: null,
  };
}

/** Leaders of a session only: children inherit the markers. The first of the newest start. */
function unrecorded(
  home: string,
  resource: ResourceKey,
  record: ProcessRecord | null,
): Marked | null {
  const leaders = markedProcesses(home, resource)
    .filter(({ stat }) => stat.sessionId === stat.pid)
    // A detached descendant of the recorded process outlives it, and is not it.
    .filter((found) => incarnationOf(found) !== record?.incarnation)
    .sort((a, b) => a.stat.startTicks - b.stat.startTicks || a.stat.pid - b.stat.pid);
  const newest = leaders.at(-1);
  if (newest === undefined) return null;
  return leaders.find((found) => incarnationOf(found) === incarnationOf(newest)) ?? null;
}

/**
 * Everything that a stop must end: the session of the process, and whatever else carries the marks
 * of this resource (children left over by a killed leader hold its port). Never pid 1, this
 * process or its ancestors.
 */
export function findMembers(
  home: string,
  resource: ResourceKey,
  leader: ProcessId | null,
): ProcessStat[] {
  const marked = new Map(markedProcesses(home, resource).map(({ stat }) => [stat.pid, stat]));
  for (const stat of leader === null ? [] : sessionOf(leader)) marked.set(stat.pid, stat);
  for (const pid of protectedPids()) marked.delete(pid);
  return [...marked.values()];
}

export function protectedPids(): number[] {
  return [1, ...lineageOf(process.pid)];
}

function sessionOf(leader: ProcessId): ProcessStat[] {
  const present = readStat(leader.pid);
  // The pid went to somebody else, and with it the session's number.
  if (present !== null && present.startTicks !== leader.startTicks) return [];
  return listPids()
    .map(readStat)
    .filter(isRunning)
    .filter((stat) => stat.sessionId === leader.pid && stat.startTicks >= leader.startTicks);
}

function markedProcesses(home: string, resource: ResourceKey): Marked[] {
  return listPids().flatMap((pid) => {
    const environment = readEnvironment(pid);
    if (environment?.get(MARKERS.resource) !== resource) return [];
    if (environment.get(MARKERS.owner) !== home) return [];
    const stat = readStat(pid);
    return isRunning(stat) ? [{ stat, environment }] : [];
  });
}

function incarnationOf(found: Marked): string | undefined {
  return found.environment.get(MARKERS.incarnation);
}
