import { copyFile, open, rename, stat, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessContext } from './context';

const LOGS = ['stdout.log', 'stderr.log'] as const;

export interface OpenLogs {
  stdout: FileHandle;
  stderr: FileHandle;
  close: () => Promise<void>;
}

/** Opened for appending, which is what lets a running process follow a truncation. */
export async function openLogs(folder: string): Promise<OpenLogs> {
  const stdout = await open(join(folder, LOGS[0]), 'a', 0o640);
  const stderr = await open(join(folder, LOGS[1]), 'a', 0o640);
  return {
    stdout,
    stderr,
    async close() {
      await stdout.close();
      await stderr.close();
    },
  };
}

/**
 * Rotates the logs that have grown beyond the limit, by copy and truncation: the process keeps its
 * file open. Lines written between the two (some microseconds) are lost. Costs two stats otherwise.
 */
export async function rotateLogs(context: ProcessContext, folder: string): Promise<void> {
  for (const name of LOGS) await rotate(join(folder, name), context);
}

async function rotate(path: string, { logMaxBytes, logFiles }: ProcessContext): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size < logMaxBytes) return;
  for (let age = logFiles - 1; age >= 1; age--) {
    await rename(`${path}.${age}`, `${path}.${age + 1}`).catch(ignoreMissing);
  }
  await copyFile(path, `${path}.1`);
  await truncate(path);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
