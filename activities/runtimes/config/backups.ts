import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../../platform/sha256';
import { replaceFile } from '../files/replace';
import type { FileState } from '../files/replace-all';
import type { Remembered } from './look';

const MAX_BACKUPS = 200;

/** Files may hold secrets: nobody but Vigil's user reads their backups. */
const PRIVATE = { mode: 0o600, owner: null, isOwnerWanted: false };

/** Keeps a content under its checksum: `<folder>/<sha256>`. */
export async function keep(folder: string, { content }: FileState): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const checksum = sha256(content);
  // Written anew also where it is there: the newest are those that stay.
  await replaceFile(join(folder, checksum), content, PRIVATE);
  await prune(folder);
}

/** Far more than one action can ask for; the oldest go. */
async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  if (names.length <= MAX_BACKUPS) return;
  const kept = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  kept.sort((a, b) => b.at - a.at);
  for (const { name } of kept.slice(MAX_BACKUPS)) await rm(join(folder, name), { force: true });
}

/** A file as it was remembered. Throws where its backup is missing or damaged. */
export async function bringBack(folder: string, file: Remembered): Promise<FileState> {
  const content = await contentOf(folder, file.sha256);
  if (content === null)
    throw new Error(`the backup ${join(folder, file.sha256)} is missing or damaged`);
  const owner = { uid: file.uid, gid: file.gid };
  return { content, mode: file.mode, owner, isOwnerWanted: false };
}

async function contentOf(folder: string, checksum: string): Promise<Buffer | null> {
  const content = await readFile(join(folder, checksum)).catch(() => null);
  return content !== null && sha256(content) === checksum ? content : null;
}
