import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/** A program that may be run: without links, so that none can be turned elsewhere any more. */
export interface AllowedProgram {
  path: string;
  /** The allow-listed folder that it lies in. */
  folder: string;
}

/**
 * Finds the program of a command in the allow-listed folders. A relative one is sought in `cwd`, or
 * without it in each of the folders, never in PATH. Throws where it is not there, lies outside
 * (also by `..` or a link), or may not be executed.
 */
export async function findProgram(
  program: string,
  { cwd, folders }: { cwd: string | null; folders: readonly string[] },
): Promise<AllowedProgram> {
  if (folders.length === 0) {
    throw new Error(
      `"${program}" may not be run: this worker allows no folder; set worker.script.folders (VIGIL_WORKER_SCRIPT_FOLDERS) to the folders whose programs may be run`,
    );
  }
  const bases = cwd === null ? folders : [cwd];
  for (const base of isAbsolute(program) ? ['/'] : bases) {
    const path = await realpath(resolve(base, program)).catch(ignoreMissing);
    if (path === null) continue;
    const folder = await folderOf(path, folders);
    if (folder === null) {
      throw new Error(
        `"${program}" may not be run: it is ${path}, outside of ${folders.join(', ')} (worker.script.folders)`,
      );
    }
    await checkExecutable(path);
    return { path, folder };
  }
  throw new Error(`"${program}" is not there; it is looked for in ${bases.join(', ')}`);
}

async function folderOf(path: string, folders: readonly string[]): Promise<string | null> {
  for (const given of folders) {
    const folder = await realpath(given).catch(ignoreMissing);
    if (folder === null) continue;
    const inside = relative(folder, path);
    if (inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`)) return folder;
  }
  return null;
}

async function checkExecutable(path: string): Promise<void> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is no file that could be run`);
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    throw new Error(`${path} may not be executed; chmod +x it, or give Vigil's user the right`, {
      cause,
    });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
