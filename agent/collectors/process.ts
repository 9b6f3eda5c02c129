import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MARKERS } from '../../domain/action/markers';
import { parseResourceKey, type ResourceKey } from '../../domain/resource';
import {
  bootId,
  isAlive,
  isRunning,
  listPids,
  readCommandLine,
  readEnvironment,
  readResidentBytes,
  readStat,
  TICKS_PER_SECOND,
  type ProcessId,
} from '../../platform/procfs';
import type { Check } from '../checks';
import { samplesAt } from '../sample';
import type { Looked } from './http';

const RESCAN_MS = 2_000;

export interface ProcessCollectorDeps {
  /** Absolute; a process that another Vigil on this host started is none of ours. */
  home: string;
  /** Epoch ms. */
  now: () => number;
  /** Milliseconds that never jump. */
  monotonic: () => number;
}

interface Watch {
  id: ProcessId;
  cpuTicks: number;
  at: number;
}

/**
 * Looks at the processes of resources: `process_up` 1 or 0, `process_cpu_usage` as share of one
 * core since the last look, `process_memory_bytes`. All three are of the process itself, without
 * its children. That it is not up is urgent. Nothing is said where this user cannot know.
 */
export function createProcessCollector(
  deps: ProcessCollectorDeps,
): (check: Pick<Check, 'resource' | 'tags'>) => Promise<Looked> {
  const watches = new Map<ResourceKey, Watch>();
  const find = createFinder(deps);

  return async ({ resource, tags }) => {
    const known = watches.get(resource);
    const looked: Lookup =
      known !== undefined && isAlive(known.id)
        ? { kind: 'running', id: known.id }
        : await find(resource);
    const stat = looked.kind === 'running' ? readStat(looked.id.pid) : null;
    if (looked.kind !== 'running' || !isRunning(stat)) {
      watches.delete(resource);
      const isKnown = looked.kind !== 'unknown';
      return {
        samples: isKnown ? samplesAt(deps.now(), tags, { process_up: 0 }) : [],
        isUrgent: isKnown,
      };
    }
    const watch: Watch = { id: looked.id, cpuTicks: stat.cpuTicks, at: deps.monotonic() };
    watches.set(resource, watch);
    const cpu = known === undefined ? null : cpuUsage(known, watch);
    const memory = readResidentBytes(looked.id.pid);
    const values = {
      process_up: 1,
      ...(cpu === null ? {} : { process_cpu_usage: cpu }),
      ...(memory === null ? {} : { process_memory_bytes: memory }),
    };
    return { samples: samplesAt(deps.now(), tags, values), isUrgent: false };
  };
}

/** Share of one core between two looks at the same process; null when there is none. */
function cpuUsage(before: Watch, after: Watch): number | null {
  const isSame = before.id.pid === after.id.pid && before.id.startTicks === after.id.startTicks;
  const seconds = (after.at - before.at) / 1000;
  if (!isSame || seconds <= 0) return null;
  return (after.cpuTicks - before.cpuTicks) / TICKS_PER_SECOND / seconds;
}

interface Found extends ProcessId {
  incarnation: string;
}

/** `unknown`: this user may not look, and must not claim that a process is down. */
type Lookup = { kind: 'running'; id: ProcessId } | { kind: 'down' } | { kind: 'unknown' };

/**
 * Finds a process by the record that the worker keeps, else by the marks in its environment (an
 * agent may see the processes and not the files). All resources share one search, at most every 2 s.
 */
function createFinder(deps: ProcessCollectorDeps): (resource: ResourceKey) => Promise<Lookup> {
  let scannedAt = -Infinity;
  let scanned: Scan = { found: new Map(), isComplete: false };
  /** The last one that was seen: what it left behind is not it, and once it was seen it can be missed. */
  const seen = new Map<ResourceKey, Found>();

  return async (resource) => {
    const recorded = await readRecorded(deps.home, resource);
    if (recorded !== null && isAlive(recorded)) return { kind: 'running', id: recorded };
    if (deps.monotonic() - scannedAt >= RESCAN_MS) {
      scanned = scan(deps.home);
      scannedAt = deps.monotonic();
    }
    const found = scanned.found.get(resource);
    const before = seen.get(resource);
    const isLeftBehind = [before, recorded].some(
      (dead) => dead?.incarnation === found?.incarnation && dead?.pid !== found?.pid,
    );
    if (found !== undefined && isAlive(found) && !isLeftBehind) {
      seen.set(resource, found);
      return { kind: 'running', id: found };
    }
    const isKnown = recorded !== null || before !== undefined || scanned.isComplete;
    return { kind: isKnown ? 'down' : 'unknown' };
  };
}

interface Scan {
  found: Map<ResourceKey, Found>;
  /** Every environment could be read. */
  isComplete: boolean;
}

/** Leaders of a session only: children inherit the marks. The first of the newest start. */
function scan(home: string): Scan {
  const found = new Map<ResourceKey, Found>();
  let isComplete = true;
  for (const pid of listPids()) {
    const environment = readEnvironment(pid);
    if (environment === null) isComplete &&= isKernelThreadOrGone(pid);
    const resource = environment?.get(MARKERS.resource);
    if (resource === undefined || environment?.get(MARKERS.owner) !== home) continue;
    const stat = readStat(pid);
    if (!isRunning(stat) || stat.sessionId !== pid) continue;
    const incarnation = environment.get(MARKERS.incarnation) ?? '';
    const candidate = { pid, startTicks: stat.startTicks, incarnation };
    if (isPreferred(candidate, found.get(resource))) found.set(resource, candidate);
  }
  return { found, isComplete };
}

function isPreferred(candidate: Found, other: Found | undefined): boolean {
  if (other === undefined) return true;
  const isLater = (candidate.startTicks - other.startTicks || candidate.pid - other.pid) > 0;
  return candidate.incarnation === other.incarnation ? !isLater : isLater;
}

function isKernelThreadOrGone(pid: number): boolean {
  return !isRunning(readStat(pid)) || readCommandLine(pid) === null;
}

async function readRecorded(home: string, resource: ResourceKey): Promise<Found | null> {
  const { namespace, name } = parseResourceKey(resource);
  try {
    const text = await readFile(join(home, 'run', namespace, name, 'process.json'), 'utf8');
    const record = JSON.parse(text) as Found & { bootId: string };
    // No process outlives a boot: the record then names one that is down for certain.
    return record.bootId === bootId() ? record : { ...record, startTicks: -1 };
  } catch {
    return null;
  }
}
