import { open, rename } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';

/** Ends the names of files that are still being written; what a crash leaves of them is rubbish. */
export const DRAFT_SUFFIX = '.draft';

/**
 * Writes beside the file, fsyncs, renames, and fsyncs the folder: once it resolves, the content
 * outlives a crash of the machine; a crash in between leaves the old content or the new one.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomUUID()}${DRAFT_SUFFIX}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
