import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { watch } from 'chokidar';
import type { Source, SourceFile } from './source';

const MANIFEST = /\.(ya?ml|json)$/i;

/** A folder of manifests and all folders below; names that begin with a dot are left out. */
export function createFolderSource(options: {
  folder: string;
  /** A file counts as written when it was left alone for so long. */
  settleMs: number;
  /** Epoch ms, of the clock that file times come from. */
  now: () => number;
}): Source {
  const { folder, settleMs, now } = options;
  return {
    name: `folder:${folder}`,

    async read() {
      try {
        const paths = await manifestFiles(folder, new Set());
        const files: SourceFile[] = [];
        for (const path of paths.sort()) {
          const text = await readSettled(path, { settleMs, now });
          if (text === null) return { kind: 'unsettled' };
          files.push({ path, text });
        }
        return { kind: 'files', files };
      } catch (error) {
        if (!isMissing(error)) throw error;
        // The folder itself is missing, or a file in it went while it was read.
        if (await exists(folder)) return { kind: 'unsettled' };
        return { kind: 'absent', message: 'folder does not exist, watching for it' };
      }
    },

    watch(onChange, onError) {
      const watcher = watch(folder, { ignoreInitial: true, ignored: isHiddenBelow(folder) });
      watcher.on('all', onChange);
      watcher.on('error', onError);
      return { close: () => watcher.close() };
    },
  };
}

/** `seen` has the real paths of the folders above, so that a link to one of them ends. */
async function manifestFiles(folder: string, seen: ReadonlySet<string>): Promise<string[]> {
  const real = await realpath(folder);
  if (seen.has(real)) return [];
  const below = new Set([...seen, real]);
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    const entry = await stat(path);
    if (entry.isDirectory()) found.push(...(await manifestFiles(path, below)));
    else if (entry.isFile() && MANIFEST.test(name)) found.push(path);
  }
  return found;
}

/** Null while the file is being written. A time far in the future says nothing about that. */
async function readSettled(
  path: string,
  { settleMs, now }: { settleMs: number; now: () => number },
): Promise<string | null> {
  const before = await stat(path);
  // File times are finer than the clock: a file written just now may be younger than `now`.
  if (Math.abs(now() - before.mtimeMs) < settleMs) return null;
  const text = await readFile(path, 'utf8');
  const after = await stat(path);
  return before.mtimeMs === after.mtimeMs && before.size === after.size ? text : null;
}

function isHiddenBelow(folder: string): (path: string) => boolean {
  return (path) =>
    path
      .slice(folder.length)
      .split('/')
      .some((part) => part.startsWith('.'));
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
