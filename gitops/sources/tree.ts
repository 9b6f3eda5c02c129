import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import picomatch from 'picomatch';

/** Which files of a folder are manifests. */
export interface Selection {
  /** Globs, relative to the folder; none: every .yaml, .yml and .json. */
  include: readonly string[];
  exclude: readonly string[];
}

export const EVERYTHING: Selection = { include: [], exclude: [] };

/** More than that is no set of manifests, but a mistake in "path" or "include". */
const MAX_FILES = 50_000;
const MAX_BYTES = 256 * 1024 * 1024;

const MANIFEST = /\.(ya?ml|json)$/i;

/** Content that is too much to be read at all; the message says which limit, and where. */
export class TooMuchError extends Error {
  override name = 'TooMuchError';
}

/** A file as found, with its path below the folder. */
export interface Found {
  path: string;
  bytes: number;
  mtimeMs: number;
}

/** The manifest files below a folder, by path; names that begin with a dot are left out. */
export async function findManifests(folder: string, selection: Selection): Promise<Found[]> {
  const isWanted = matcher(selection);
  const found: Found[] = [];
  let bytes = 0;
  for await (const file of filesBelow(folder, folder, new Set())) {
    if (!isWanted(file.path)) continue;
    bytes += file.bytes;
    if (found.length === MAX_FILES) {
      throw new TooMuchError(`there are more than ${MAX_FILES} files; narrow "path" or "include"`);
    }
    if (bytes > MAX_BYTES) {
      throw new TooMuchError(`the files have more than ${MAX_BYTES} bytes up to ${file.path}`);
    }
    found.push(file);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The text of each, side by side. */
export async function readManifests(
  folder: string,
  files: readonly Found[],
): Promise<{ path: string; text: string }[]> {
  const texts: { path: string; text: string }[] = [];
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const some = files.slice(start, start + AT_ONCE);
    const read = some.map(async ({ path }) => ({
      path,
      text: await readFile(join(folder, path), 'utf8'),
    }));
    texts.push(...(await Promise.all(read)));
  }
  return texts;
}

const AT_ONCE = 64;

function matcher({ include, exclude }: Selection): (path: string) => boolean {
  const isIn =
    include.length === 0 ? (path: string) => MANIFEST.test(path) : picomatch([...include]);
  const isOut = exclude.length === 0 ? () => false : picomatch([...exclude]);
  return (path) => isIn(path) && !isOut(path);
}

/** `seen` has the real paths of the folders above, so that a link to one of them ends. */
async function* filesBelow(
  root: string,
  folder: string,
  seen: ReadonlySet<string>,
): AsyncGenerator<Found> {
  const real = await realpath(folder);
  if (seen.has(real)) return;
  const below = new Set([...seen, real]);
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    const entry = await stat(path);
    if (entry.isDirectory()) yield* filesBelow(root, path, below);
    else if (entry.isFile()) {
      const at = relative(root, path).split(sep).join('/');
      yield { path: at, bytes: entry.size, mtimeMs: entry.mtimeMs };
    }
  }
}
