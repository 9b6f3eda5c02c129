import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Attributes } from './attributes';

/**
 * Writes beside the file, fsyncs and renames: a reader, or a crash, sees the old or the new
 * content and nothing between. An owner that was only there before is kept where that is allowed.
 */
export async function replaceFile(
  path: string,
  content: string | Buffer,
  attributes: Attributes,
): Promise<void> {
  const temporary = `${path}.vigil-${process.pid}`;
  await writeDurably(temporary, content, attributes);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** A file that is on the disk when this answers; its name may not be yet. */
export async function writeDurably(
  path: string,
  content: string | Buffer,
  attributes: Attributes,
): Promise<void> {
  const file = await open(path, 'w', attributes.mode);
  try {
    await file.writeFile(content);
    await own(file, attributes);
    // Last: the mode given to open is subject to the umask, and chown takes set-id bits away.
    await file.chmod(attributes.mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function own(file: FileHandle, { owner, isOwnerWanted }: Attributes): Promise<void> {
  if (owner === null) return;
  const made = await file.stat();
  if (owner.uid === made.uid && owner.gid === made.gid) return;
  await file.chown(owner.uid, owner.gid).catch((error: unknown) => {
    if (isOwnerWanted) throw error;
  });
}

/** Makes the names in a folder outlive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
