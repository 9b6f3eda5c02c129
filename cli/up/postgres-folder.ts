import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliFailure } from '../failure';

/** Where root keeps binaries and data, because the server's account cannot read below /root. */
export const ROOT_FOLDER = '/var/lib/vigil';

export interface PostgresFolder {
  folder: string;
  /** Data of an earlier home at the same path, set aside here; null: there was none. */
  setAside: string | null;
}

/**
 * The folder for PostgreSQL's data: in the home, or as root `/var/lib/vigil/<hash of home>`. A mark
 * in both ties that folder to its home, so that a home removed and made anew starts empty as well.
 */
export function postgresFolder(
  home: string,
  isRoot: boolean,
  { now, root = ROOT_FOLDER }: { now: Date; root?: string },
): PostgresFolder {
  if (!isRoot) return { folder: join(home, 'postgres'), setAside: null };
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 16);
  const folder = join(root, hash);
  try {
    mkdirSync(root, { recursive: true, mode: 0o755 });
    const setAside = isOfHome(folder, home) ? null : moveAside(folder, now);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    mark(folder, home);
    return { folder, setAside };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliFailure(
      `${root} cannot be written (${why}); start as an ordinary user, or set DATABASE_URL`,
      1,
      { cause },
    );
  }
}

function isOfHome(folder: string, home: string): boolean {
  if (!existsSync(folder)) return true;
  const theirs = readMark(folder);
  return theirs !== null && theirs === readMark(home);
}

function moveAside(folder: string, now: Date): string {
  const aside = `${folder}.old-${now
    .toISOString()
    .replaceAll(/[^0-9]/g, '')
    .slice(0, 14)}`;
  renameSync(folder, aside);
  return aside;
}

function mark(folder: string, home: string): void {
  const id = readMark(home) ?? randomUUID();
  writeFileSync(join(home, 'postgres.id'), id);
  writeFileSync(join(folder, 'postgres.id'), id);
}

function readMark(folder: string): string | null {
  try {
    return readFileSync(join(folder, 'postgres.id'), 'utf8');
  } catch {
    return null;
  }
}
