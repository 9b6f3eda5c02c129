import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE_FILE } from '../domain/action/pause';
import { CliFailure } from './failure';

/**
 * The pause that needs no server: while the file is in a home, no worker of that home acts. Returns
 * its path. Throws CliFailure where it cannot be written.
 */
export function writePauseFile(home: string, reason: string): string {
  const path = join(home, PAUSE_FILE);
  return attempt(path, () => {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${reason}\n`);
  });
}

/** Lifts it; also where there was none. Returns its path. */
export function removePauseFile(home: string): string {
  const path = join(home, PAUSE_FILE);
  return attempt(path, () => {
    rmSync(path, { force: true });
  });
}

function attempt(path: string, work: () => void): string {
  try {
    work();
    return path;
  } catch (error) {
    throw new CliFailure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
