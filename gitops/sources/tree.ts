import { readdir, realpath, stat } from 'node:fs/promises';
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

/** Content that is not read at all: too much of it, or not below the folder; the message says which, and where. */
export class TreeRefusedError extends Error {
  override name = 'TreeRefusedError';
}

/** A file as found, with its path below the folder. */
export interface Found {
  path: string;
  bytes: number;
  mtimeMs: number;
  /** Which file it is, and when anything of it was last touched: nobody can set that back. */
  identity: string;
}

/** The manifest files below a folder, by path; names that begin with a dot are left out. */
export async function findManifests(folder: string, selection: Selection): Promise<Found[]> {
  const isWanted = matcher(selection);
  const found: Found[] = [];
  let bytes = 0;
  const root = { folder, real: await realpath(folder) };
  for await (const file of filesBelow(root, folder, new Set())) {
    if (!isWanted(file.path)) continue;
    bytes += file.bytes;
    if (found.length === MAX_FILES) {
      throw new TreeRefusedError(
        `there are more than ${MAX_FILES} files; narrow "path" or "include"`,
      );
    }
    if (bytes > MAX_BYTES) {
      throw new TreeRefusedError(`the files have more than ${MAX_BYTES} bytes up to ${file.path}`);
    }
    found.push(file);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Texts of the look before, by path below the folder. */
export type KnownTexts = Map<string, { identity: string; text: string }>;

type ReadText = (path: string, found: Found) => Promise<string | null>;

/**
 * The text of each; `known` keeps them, so that what was not touched since is not read again. Where
 * `read` answers null there is none to rely on, and null is the answer.
 */
export async function readManifests(
  folder: string,
  files: readonly Found[],
  { known, read }: { known: KnownTexts; read: ReadText },
): Promise<{ path: string; text: string }[] | null> {
  const texts = await sideBySide(files, async (file) => {
    const before = known.get(file.path);
    if (before?.identity === file.identity) return before.text;
    return read(join(folder, file.path), file);
  });
  known.clear();
  const all: { path: string; text: string }[] = [];
  for (const [i, { path, identity }] of files.entries()) {
    const text = texts[i] ?? null;
    if (text === null) return null;
    known.set(path, { identity, text });
    all.push({ path, text });
  }
  return all;
}

const AT_ONCE = 64;

/** The answers in order: one file after the other, ten thousand take seconds. */
async function sideBySide<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    answers.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(ask))));
  }
  return answers;
}

function matcher({ include, exclude }: Selection): (path: string) => boolean {
  const isIn =
    include.length === 0 ? (path: string) => MANIFEST.test(path) : picomatch([...include]);
  const isOut = exclude.length === 0 ? () => false : picomatch([...exclude]);
  return (path) => isIn(path) && !isOut(path);
}

/** `seen` has the real paths of the folders above, so that a link to one of them ends. */
async function* filesBelow(
  root: { folder: string; real: string },
  folder: string,
  seen: ReadonlySet<string>,
): AsyncGenerator<Found> {
  const real = await realpath(folder);
  if (seen.has(real)) return;
  const below = new Set([...seen, real]);
  const all = await readdir(folder, { withFileTypes: true });
  const visible = all.filter(({ name }) => !name.startsWith('.'));
  const entries = await sideBySide(visible, async (one) => {
    const path = join(folder, one.name);
    if (one.isSymbolicLink()) await refuseOutside(root, path);
    return { path, entry: await stat(path) };
  });
  for (const { path, entry } of entries) {
    if (entry.isDirectory()) yield* filesBelow(root, path, below);
    else if (entry.isFile()) {
      const at = relative(root.folder, path).split(sep).join('/');
      const { size: bytes, mtimeMs, ctimeMs, dev, ino } = entry;
      yield { path: at, bytes, mtimeMs, identity: [dev, ino, bytes, mtimeMs, ctimeMs].join(' ') };
    }
  }
}

/** Who may write into the folder must not make a file appear that only Vigil may read. */
async function refuseOutside(root: { folder: string; real: string }, link: string): Promise<void> {
  const real = await realpath(link);
  if (real === root.real || real.startsWith(`${root.real}${sep}`)) return;
  const at = relative(root.folder, link);
  throw new TreeRefusedError(
    `${at} is a link that leads out of the folder; put the file itself there`,
  );
}
