import { readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Attributes } from './attributes';
import { sha256 } from '../../../platform/sha256';
import { syncFolder, writeDurably } from './replace';

/** A file's content and what else it is. */
export interface FileState extends Attributes {
  content: Buffer;
}

/** One file of a change of several; null: it is not there. Paths are absolute, their folders exist. */
export interface Replacement {
  path: string;
  from: FileState | null;
  to: FileState | null;
}

/** What could not be put back either. */
export class HalfDoneError extends Error {
  override name = 'HalfDoneError';
}

/**
 * Replaces all files or none. New and old contents are both written beside each file, fsynced and
 * checked first, so that only renames are left to fail; when one does, those before it are taken
 * back. A reader sees the old or the new content of each file; between two files it may see both.
 */
export async function replaceAll(changes: readonly Replacement[]): Promise<void> {
  try {
    for (const { path, from, to } of changes) {
      await stage(besideOf(path, 'new'), to);
      await stage(besideOf(path, 'old'), from);
    }
    await renameAll(changes);
  } finally {
    for (const { path } of changes) {
      await rm(besideOf(path, 'new'), { force: true });
      await rm(besideOf(path, 'old'), { force: true });
    }
  }
}

async function renameAll(changes: readonly Replacement[]): Promise<void> {
  const replaced: Replacement[] = [];
  try {
    for (const change of changes) {
      await put(change.path, 'new', change.to);
      replaced.push(change);
    }
    for (const { path } of changes) await syncFolder(dirname(path));
  } catch (cause) {
    await takeBack(replaced, cause);
    throw cause;
  }
}

async function takeBack(replaced: readonly Replacement[], cause: unknown): Promise<void> {
  const stuck: string[] = [];
  for (const { path, from } of replaced.toReversed()) {
    await put(path, 'old', from).catch(() => stuck.push(path));
  }
  if (stuck.length === 0) return;
  throw new HalfDoneError(`${stuck.join(', ')} stays replaced, and cannot be put back`, { cause });
}

async function stage(path: string, state: FileState | null): Promise<void> {
  await rm(path, { force: true });
  if (state === null) return;
  await writeDurably(path, state.content, state);
  if (sha256(await readFile(path)) !== sha256(state.content))
    throw new Error(`${path} does not read as it was written`);
}

async function put(path: string, which: 'new' | 'old', state: FileState | null): Promise<void> {
  if (state === null) await rm(path, { force: true });
  else await rename(besideOf(path, which), path);
}

/** In the same folder, so that a rename is atomic; hidden, so that no `conf.d/*` takes it up. */
function besideOf(path: string, which: 'new' | 'old'): string {
  return join(dirname(path), `.${basename(path)}.vigil-${which}`);
}
