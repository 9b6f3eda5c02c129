import { readFileSync } from 'node:fs';
import { lineageOf } from '../../../platform/procfs';
import type { UnitState } from './properties';

const VIGIL = /^vigil([-@][^/]*)?\.[a-z]+$/;

/** What of this worker could be inside a unit. */
export interface Self {
  /** Of its control group in each hierarchy: `/system.slice/vigil.service`. */
  controlGroups: string[];
  /** This process and its ancestors. */
  pids: number[];
}

export function readSelf(): Self {
  return {
    controlGroups: parseControlGroups(readFileSync('/proc/self/cgroup', 'utf8')),
    pids: lineageOf(process.pid),
  };
}

/** `0::/system.slice/vigil.service` → `/system.slice/vigil.service`, one per line. */
export function parseControlGroups(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':'))
    .filter((path) => path !== '' && path !== '/');
}

/** Why a unit is Vigil's own; null when it is not. */
export function ownReason({ names, controlGroup, mainPid }: UnitState, self: Self): string | null {
  const name = names.find((one) => VIGIL.test(one));
  if (name !== undefined) return `${name} is one of Vigil's units`;
  const isAround = self.controlGroups.some(
    (own) => own === controlGroup || own.startsWith(`${controlGroup}/`),
  );
  if (controlGroup !== '' && controlGroup !== '/' && isAround) return 'this worker runs in it';
  if (mainPid > 0 && self.pids.includes(mainPid)) return 'this worker was started by it';
  return null;
}
