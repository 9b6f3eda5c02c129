import { stat as statWith, type Stats } from 'node:fs';
import { readdir, readlink, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { matcherOf, type Matcher, type Selection } from './selection';

/** More than that is no set of manifests, but a mistake in "path" or "include". */
const MAX_FILES = 50_000;
const MAX_BYTES = 256 * 1024 * 1024;

/** Content that is not read at all: too much of it, or a link that leads astray; the message says which, and where. */
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

/**
 * The manifest files below a folder, by path; names that begin with a dot are left out. A folder that
 * links reach too is read once: under its own name, or where that is hidden under the first link's.
 */
export async function findManifests(folder: string, selection: Selection): Promise<Found[]> {
  const real = await realpath(folder);
  const walk: Walk = { folder, real, matcher: matcherOf(selection), visited: new Set(), links: [] };
  const found: Found[] = [];
  let bytes = 0;
  for await (const file of filesOf(walk)) {
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

/** A promise of its own for each of ten thousand files takes twice the time of the system's callback. */
function stat(path: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    statWith(path, (error, entry) => {
      if (error === null) resolve(entry);
      else reject(error);
    });
  });
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

interface Walk {
  folder: string;
  real: string;
  matcher: Matcher;
  /** Real paths of the folders that were read: no circle of links is followed, and no way twice. */
  visited: Set<string>;
  /** Links to folders, by path below the folder; followed when all that needs no link is read. */
  links: string[];
}

async function* filesOf(walk: Walk): AsyncGenerator<Found> {
  yield* filesBelow(walk, '');
  for (let link = walk.links.shift(); link !== undefined; link = walk.links.shift()) {
    yield* filesBelow(walk, link);
  }
}

/** `at` is the path below the walk's folder; empty: that one. */
async function* filesBelow(walk: Walk, at: string): AsyncGenerator<Found> {
  const folder = join(walk.folder, at);
  const real = await realpath(folder);
  if (walk.visited.has(real)) return;
  walk.visited.add(real);
  const all = await readdir(folder, { withFileTypes: true });
  const visible = all.filter(({ name }) => !name.startsWith('.'));
  const entries = await sideBySide(visible, async (one) => {
    const path = at === '' ? one.name : `${at}/${one.name}`;
    const isLink = one.isSymbolicLink();
    if (!isLink && one.isFile() && !walk.matcher.isWanted(path)) return null;
    if (isLink && !(await leadsToWanted(walk, path))) return null;
    return { path, isLink, entry: await stat(join(walk.folder, path)) };
  });
  for (const found of entries) {
    if (found === null) continue;
    const { path, isLink, entry } = found;
    if (entry.isFile() && walk.matcher.isWanted(path)) yield fileOf(path, entry);
    if (!entry.isDirectory() || !walk.matcher.mayHold(path)) continue;
    if (isLink) walk.links.push(path);
    else yield* filesBelow(walk, path);
  }
}

function fileOf(path: string, { size: bytes, mtimeMs, ctimeMs, dev, ino }: Stats): Found {
  return { path, bytes, mtimeMs, identity: [dev, ino, bytes, mtimeMs, ctimeMs].join(' ') };
}

/**
 * Whether there is something at its end that is wanted. Who may write into the folder must not make
 * a file appear that only Vigil may read; and what is gone must be no order to let go of objects.
 */
async function leadsToWanted(walk: Walk, path: string): Promise<boolean> {
  const { matcher, folder } = walk;
  if (matcher.isExcluded(path)) return false;
  const link = join(folder, path);
  const real = await realpath(link).catch(whenDangling);
  if (real === null) {
    // Nobody can say whether it was one of a folder; names of folders have no extension.
    const isFolder = extname(path) === '' && matcher.mayHold(path);
    if (!isFolder && !matcher.isWanted(path)) return false;
    throw new TreeRefusedError(
      `${path} is a link to ${await readlink(link)}, which is not there; put it there, remove the link or exclude it`,
    );
  }
  const isFolder = (await stat(real)).isDirectory();
  if (!(isFolder ? matcher.mayHold(path) : matcher.isWanted(path))) return false;
  if (real === walk.real || real.startsWith(`${walk.real}${sep}`)) return true;
  throw new TreeRefusedError(
    `${path} is a link that leads out of the folder; put the file itself there`,
  );
}

/** Its target is missing, or below a file, or the link is in a circle of its own. */
function whenDangling(error: unknown): null {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code)) return null;
  throw error;
}
