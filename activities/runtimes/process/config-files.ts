import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ObservedState, RuntimeTarget } from '../../../domain/action/runtime';
import type { ConfigFile } from '../../../domain/resource';
import { workingFolder } from './context';
import { replaceFile } from './record';

const NEW_FILE_MODE = 0o644;

/** Checksums as they are now; null where a file is missing or cannot be read. */
export async function observeFiles(target: RuntimeTarget): Promise<ObservedState['config']> {
  const observed: ObservedState['config'] = [];
  for (const { path } of target.spec.config) {
    observed.push({ path, sha256: await checksumOf(resolve(workingFolder(target), path)) });
  }
  return observed;
}

/** The config files that are not as the manifest says. */
export async function differingFiles(target: RuntimeTarget): Promise<ConfigFile[]> {
  const observed = await observeFiles(target);
  return target.spec.config.filter((file, index) => observed[index]?.sha256 !== wanted(file));
}

/** Writes what differs and whose content the manifest gives. Returns the paths that were written. */
export async function restoreFiles(
  target: RuntimeTarget,
  files: readonly ConfigFile[],
): Promise<string[]> {
  const written: string[] = [];
  for (const file of files) {
    if (file.kind !== 'content') continue;
    await restore(resolve(workingFolder(target), file.path), file.content);
    written.push(file.path);
  }
  return written;
}

async function restore(path: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    // A symbolic link stays one: the file behind it is replaced.
    const real = await realpath(path).catch(() => path);
    const present = await stat(real).catch(() => null);
    await replaceFile(real, content, {
      mode: present === null ? NEW_FILE_MODE : present.mode & 0o7777,
      ...(present === null ? {} : { owner: { uid: present.uid, gid: present.gid } }),
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(
      `config file ${path} cannot be written (${code ?? 'unknown error'}); give Vigil's user the right to write its folder`,
      { cause },
    );
  }
}

function wanted(file: ConfigFile): string {
  return file.kind === 'checksum' ? file.sha256.toLowerCase() : sha256(file.content);
}

async function checksumOf(path: string): Promise<string | null> {
  return readFile(path).then(sha256, () => null);
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
