import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ObservedState } from '../../../domain/action/runtime';
import type { ConfigFile } from '../../../domain/resource';
import { wantedAttributes } from './attributes';
import { replaceFile } from './replace';

/** Config files of a resource, and the folder that their relative paths start from. */
export interface ConfigFiles {
  files: readonly ConfigFile[];
  folder: string;
}

/** Checksums as they are now; null where a file is missing or cannot be read. */
export async function observeFiles({
  files,
  folder,
}: ConfigFiles): Promise<ObservedState['config']> {
  const observed: ObservedState['config'] = [];
  for (const { path } of files) {
    observed.push({ path, sha256: await checksumOf(resolve(folder, path)) });
  }
  return observed;
}

/** The config files that are not as the manifest says. */
export async function differingFiles(config: ConfigFiles): Promise<ConfigFile[]> {
  const observed = await observeFiles(config);
  return config.files.filter((file, index) => observed[index]?.sha256 !== wantedChecksum(file));
}

/** Writes what differs and whose content the manifest gives. Returns the paths that were written. */
export async function restoreFiles({ files, folder }: ConfigFiles): Promise<string[]> {
  const written: string[] = [];
  for (const file of files) {
    if (file.kind !== 'content') continue;
    await restore(resolve(folder, file.path), file);
    written.push(file.path);
  }
  return written;
}

async function restore(path: string, file: ConfigFile & { kind: 'content' }): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    // A symbolic link stays one: the file behind it is replaced.
    const real = await realpath(path).catch(() => path);
    const present = await stat(real).catch(() => null);
    await replaceFile(real, file.content, await wantedAttributes(file, present));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new Error(
      `config file ${path} cannot be written (${code}); give Vigil's user the right to write its folder`,
      { cause },
    );
  }
}

/** The checksum that a file must have. */
export function wantedChecksum(file: ConfigFile): string {
  return file.kind === 'checksum' ? file.sha256.toLowerCase() : sha256(file.content);
}

async function checksumOf(path: string): Promise<string | null> {
  // To open a pipe would wait for its writer.
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true ? readFile(path).then(sha256, () => null) : null;
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
