import type { Stats } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ObservedState } from '../../../domain/action/runtime';
import type { Attribution } from '../../../domain/drift/change';
import { pointerTo } from '../../../domain/drift/normalise';
import { tidyPath } from '../../../domain/drift/paths';
import type { ConfigFile } from '../../../domain/resource';
import { sha256 } from '../../../platform/sha256';
import { wantedAttributes } from './attributes';
import { writtenBy } from './attribution';
import { makeFolder } from './make-folder';
import { replaceFile } from './replace';

/** Config files of a resource, and the folder that their relative paths start from. */
export interface ConfigFiles {
  files: readonly ConfigFile[];
  folder: string;
}

/**
 * Checksums as they are now, null where a file is missing or cannot be read; and of what is there,
 * whose it is and when it was written last.
 */
export async function observeFiles({
  files,
  folder,
}: ConfigFiles): Promise<Pick<ObservedState, 'config' | 'attribution'>> {
  const config: ObservedState['config'] = [];
  const attribution: Record<string, Attribution> = {};
  for (const { path } of files) {
    const full = resolve(folder, path);
    const found = await stat(full).catch(() => null);
    // To open a pipe would wait for its writer.
    const isPlain = found?.isFile() === true;
    config.push({ path, sha256: isPlain ? await checksumOf(full, found) : null });
    if (found !== null) attribution[pointerTo('config', tidyPath(path))] = await writtenBy(found);
  }
  return files.length === 0 ? { config } : { config, attribution };
}

/** The config files that are not as the manifest says. */
export async function differingFiles(config: ConfigFiles): Promise<ConfigFile[]> {
  const { config: observed } = await observeFiles(config);
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
    await makeFolder(dirname(path));
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

/** File systems tell times apart no better than this: what was written just now may be written again unseen. */
const SETTLED_MS = 2000;
const MAX_KNOWN = 50_000;
const known = new Map<string, { identity: string; sha256: string }>();

/** What was not touched since is not read again: nobody can set back the time of a file's last change. */
async function checksumOf(path: string, found: Stats): Promise<string | null> {
  const { dev, ino, size, mtimeMs, ctimeMs } = found;
  const identity = [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  const before = known.get(path);
  if (before?.identity === identity) return before.sha256;
  const sum = await readFile(path).then(sha256, () => null);
  known.delete(path);
  if (sum !== null && Math.abs(Date.now() - ctimeMs) > SETTLED_MS) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(path, { identity, sha256: sum });
  }
  return sum;
}
