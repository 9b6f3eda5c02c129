import { readFileSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import type { ProcessLimits } from '../../../domain/runtime-spec';

/** Where the kernel offers its control groups: one tree (version 2), one per controller (1), or both. */
export interface ControlGroups {
  /** Mount point of version 2; null: there is none. */
  unified: string | null;
  /** Mount points of version 1 by controller: they have the controller, version 2 has not. */
  legacy: ReadonlyMap<string, string>;
}

/** One write that makes a limit: `memory.max` ← `536870912`. */
export interface LimitFile {
  controller: 'memory' | 'cpu' | 'pids';
  version: 1 | 2;
  file: string;
  value: string;
}

const PERIOD_US = 100_000;

export function findControlGroups(mounts = readFileSync('/proc/mounts', 'utf8')): ControlGroups {
  let unified: string | null = null;
  const legacy = new Map<string, string>();
  for (const line of mounts.split('\n')) {
    const [, place = '', kind, options = ''] = line.split(' ');
    if (kind === 'cgroup2') unified ??= place;
    if (kind !== 'cgroup') continue;
    for (const option of options.split(',')) legacy.set(option, place);
  }
  return { unified, legacy };
}

/** What is to be written for limits; nothing for those that need no control group. */
export function limitFiles(limits: ProcessLimits, { legacy }: ControlGroups): LimitFile[] {
  const { memoryBytes, cpuPercent, processes } = limits;
  const version = (controller: string): 1 | 2 => (legacy.has(controller) ? 1 : 2);
  const files: LimitFile[] = [];
  const add = (
    controller: LimitFile['controller'],
    named: Record<1 | 2, [string, string][]>,
  ): void => {
    for (const [file, value] of named[version(controller)])
      files.push({ controller, version: version(controller), file, value });
  };
  if (memoryBytes !== undefined) {
    const value = String(memoryBytes);
    add('memory', { 1: [['memory.limit_in_bytes', value]], 2: [['memory.max', value]] });
  }
  if (cpuPercent !== undefined) {
    const quota = (cpuPercent * PERIOD_US) / 100;
    add('cpu', {
      1: [
        ['cpu.cfs_period_us', String(PERIOD_US)],
        ['cpu.cfs_quota_us', String(quota)],
      ],
      2: [['cpu.max', `${quota} ${PERIOD_US}`]],
    });
  }
  if (processes !== undefined) {
    const value: [string, string][] = [['pids.max', String(processes)]];
    add('pids', { 1: value, 2: value });
  }
  return files;
}

/**
 * Makes the groups called `name` with these limits; answers their folders, for a process to enter.
 * Throws where one cannot be made: a limit is never left out silently.
 */
export async function makeGroups(
  name: string,
  files: readonly LimitFile[],
  groups: ControlGroups,
): Promise<string[]> {
  const folders = new Set<string>();
  for (const { controller, version, file, value } of files) {
    const tree = version === 1 ? groups.legacy.get(controller) : groups.unified;
    if (tree === undefined || tree === null)
      throw unenforced(controller, 'this host has no control groups');
    const folder = join(tree, name);
    try {
      if (version === 2) await writeFile(join(tree, 'cgroup.subtree_control'), `+${controller}`);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, file), value);
    } catch (cause) {
      const { message } = cause as Error;
      throw unenforced(
        controller,
        `${message}; run the worker as root, on a host whose control groups it may write`,
        cause,
      );
    }
    folders.add(folder);
  }
  return [...folders];
}

/** Groups that still have a process stay. */
export async function removeGroups(name: string, groups: ControlGroups): Promise<void> {
  const trees = new Set([groups.unified, ...groups.legacy.values()]);
  const mounted = [...trees].filter((tree) => tree !== null);
  await Promise.all(mounted.map((tree) => removeGroup(join(tree, name))));
}

const REMOVE_TRIES = 20;
const REMOVE_PAUSE_MS = 50;

/** The kernel counts the dead for a moment longer than the process list shows them. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 1; attempt <= REMOVE_TRIES; attempt++) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      await setTimeout(REMOVE_PAUSE_MS);
    }
  }
}

function unenforced(controller: string, reason: string, cause?: unknown): Error {
  const limit = { memory: 'memory', cpu: 'cpu', pids: 'processes' }[controller] ?? controller;
  return new Error(`the limit "${limit}" cannot be enforced: ${reason}`, { cause });
}
