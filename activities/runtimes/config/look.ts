import { lstat, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ObservedState, RuntimeTarget, Snapshot } from '../../../domain/action/runtime';
import type { ConfigFile } from '../../../domain/resource';
import { ownerOf, wantedAttributes, type Attributes } from '../files/attributes';
import { sha256 } from '../../../platform/sha256';
import { observeFiles, wantedChecksum } from '../files/config-files';
import type { FileState } from '../files/replace-all';
import { filesOf } from './context';

/** A config file as it is and as it is to be. */
export interface Look {
  file: ConfigFile;
  path: string;
  present: FileState | null;
  /** Null: it is not there. */
  presentChecksum: string | null;
  wantedChecksum: string;
  wanted: Attributes;
}

/** A file as a snapshot remembers it; its content is in the backups. */
export interface Remembered {
  sha256: string;
  mode: number;
  uid: number;
  gid: number;
}

/** Reads the files that are to be written. Throws where one is no plain file, or may not be read. */
export async function lookAt(target: RuntimeTarget): Promise<Look[]> {
  const { files, folder } = filesOf(target);
  const looks: Look[] = [];
  for (const file of files) {
    const path = resolve(folder, file.path);
    const present = await readPlainFile(path);
    const owner = present?.owner ?? null;
    const wanted = await wantedAttributes(
      file,
      present === null || owner === null ? null : { mode: present.mode, ...owner },
    );
    const presentChecksum = present === null ? null : sha256(present.content);
    looks.push({
      ...{ file, path, present, presentChecksum, wanted },
      wantedChecksum: wantedChecksum(file),
    });
  }
  return looks;
}

/** Whether content, mode and owner are as the manifest says. */
export function isAsWanted({ present, wanted, ...look }: Look): boolean {
  return (
    look.presentChecksum === look.wantedChecksum &&
    present?.mode === wanted.mode &&
    present.owner?.uid === wanted.owner?.uid &&
    present.owner?.gid === wanted.owner?.gid
  );
}

/** Null: there is none. */
export async function readPlainFile(path: string): Promise<FileState | null> {
  try {
    const found = await lstat(path);
    if (!found.isFile())
      throw new Error(`${path} is ${kindOf(found)}, and only a plain file is replaced`);
    return {
      content: await readFile(path),
      mode: found.mode & 0o7777,
      owner: { uid: found.uid, gid: found.gid },
      isOwnerWanted: false,
    };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === undefined) throw cause;
    throw new Error(`${path} cannot be read (${code})`, { cause });
  }
}

/**
 * A link is not followed: it would lead the write to a place that the manifest does not name.
 * Links among the folders above are, as for every program that opens the path.
 */
function kindOf(found: Awaited<ReturnType<typeof lstat>>): string {
  if (found.isSymbolicLink()) return 'a symbolic link (name the file that it leads to)';
  return found.isDirectory() ? 'a folder' : 'a special file';
}

/** What `restore` will need of each file, by its path in the manifest; null: it was not there. */
export type BeforeFiles = Record<string, Remembered | null>;

export function remembered(present: FileState | null): Remembered | null {
  if (present === null) return null;
  const { uid, gid } = present.owner ?? { uid: 0, gid: 0 };
  return { sha256: sha256(present.content), mode: present.mode, uid, gid };
}

export function beforeFilesOf({ before }: Snapshot): BeforeFiles {
  return (before?.['files'] ?? {}) as BeforeFiles;
}

/** What is seen of the files: their checksums, and mode and owner where the manifest gives them. */
export async function observe(
  target: RuntimeTarget,
): Promise<Pick<ObservedState, 'config' | 'attribution'>> {
  const { files, folder } = filesOf(target);
  const observed = await observeFiles({ files, folder });
  const config = await Promise.all(
    observed.config.map(async (seen, index) => ({
      ...seen,
      ...(await attributesSeen(files[index], resolve(folder, seen.path))),
    })),
  );
  return { ...observed, config };
}

async function attributesSeen(
  file: ConfigFile | undefined,
  path: string,
): Promise<{ mode?: string; owner?: string }> {
  if (file?.mode === undefined && file?.owner === undefined) return {};
  const present = await stat(path).catch(() => null);
  if (present === null) return {};
  const { uid, gid } = present;
  const mode = (present.mode & 0o7777).toString(8).padStart(4, '0');
  return {
    ...(file.mode !== undefined && { mode }),
    ...(file.owner !== undefined && { owner: await ownerSeen(file.owner, { uid, gid }) }),
  };
}

/** In the manifest's words where it is right, and where this host cannot tell; else in numbers. */
async function ownerSeen(owner: string, present: { uid: number; gid: number }): Promise<string> {
  const wanted = await ownerOf(owner, present.gid).catch(() => present);
  const isRight = wanted.uid === present.uid && wanted.gid === present.gid;
  return isRight ? owner : `${present.uid}:${present.gid}`;
}
