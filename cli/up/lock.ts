import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliFailure } from '../failure';
import { isAlive, startTime } from './os-process';

interface Holder {
  pid: number;
  /** Tells a holder from another process that was given its pid later. */
  startTime: string | null;
}

const NAME = 'vigil.lock';

/**
 * Makes this process the only `vigil up` of a home; returns the release. The lock of a process that
 * has died is taken over. Throws CliFailure when another one holds it or the home is not writable.
 */
export function takeLock(home: string): () => void {
  makeHome(home);
  const path = join(home, NAME);
  const draft = `${path}.${process.pid}`;
  const mine = JSON.stringify({ pid: process.pid, startTime: startTime(process.pid) });
  try {
    writeFileSync(draft, mine);
    while (!link(draft, path)) clearDead(path, home);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw notWritable(home, error);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (readText(path) === mine) rmSync(path, { force: true });
  };
}

/** The process that holds the lock of a home, or null. */
export function lockHolder(home: string): number | null {
  const holder = parse(readText(join(home, NAME)));
  return holder !== null && isHeld(holder) ? holder.pid : null;
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw notWritable(home, error);
  }
}

/** link() makes the lock appear at once with its content, or not at all. */
function link(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead lock aside before removing it, so that a lock taken meanwhile is seen and put back. */
function clearDead(path: string, home: string): void {
  const seen = readText(path);
  const holder = parse(seen);
  if (holder !== null && isHeld(holder)) throw inUse(home, holder.pid);
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readText(aside) !== seen) link(aside, path);
  rmSync(aside, { force: true });
}

function isHeld(holder: Holder): boolean {
  return isAlive(holder.pid) && startTime(holder.pid) === holder.startTime;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function parse(text: string | null): Holder | null {
  try {
    const value = JSON.parse(text ?? '') as Partial<Holder> | null;
    if (typeof value?.pid !== 'number') return null;
    return { pid: value.pid, startTime: value.startTime ?? null };
  } catch {
    return null;
  }
}

function inUse(home: string, pid: number): CliFailure {
  return new CliFailure(
    `Vigil already runs in ${home} (process ${pid}); stop it, or start a second one with VIGIL_HOME=<folder> VIGIL_PORT_OFFSET=100`,
  );
}

function notWritable(home: string, cause: unknown): CliFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CliFailure(
    `${home} cannot be written (${why}); set VIGIL_HOME to a folder of yours`,
    1,
    { cause },
  );
}
