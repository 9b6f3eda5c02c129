import { readdirSync, readFileSync } from 'node:fs';

/** Who runs, as /proc has it: to find the parts of a stack, and to prove that none is left. */

export function childrenOf(parent: number): number[] {
  return pids().filter((pid) => parentOf(pid) === parent);
}

export function descendantsOf(root: number): number[] {
  return childrenOf(root).flatMap((pid) => [pid, ...descendantsOf(pid)]);
}

/** The arguments with one space behind each; '' when it is gone. */
export function commandOf(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ');
}

/** Processes with that text in their arguments or their environment, but for this one. */
export function mentioning(text: string): number[] {
  return pids().filter(
    (pid) =>
      pid !== process.pid &&
      (read(pid, 'cmdline').includes(text) || read(pid, 'environ').includes(text)),
  );
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  const stat = read(pid, 'stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
