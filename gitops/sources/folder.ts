import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { watch } from 'chokidar';
import type { Render, Source, SourceFile, SourceRead } from './source';
import { EVERYTHING, findManifests, TooMuchError, type Selection } from './tree';

export interface FolderSourceOptions {
  folder: string;
  /** The objects belong to `folder:<name>`. Absent: the folder itself. */
  name?: string | undefined;
  /** Absent: every manifest file. */
  selection?: Selection;
  render?: Render | null;
  /** A file counts as written when it was left alone for so long. */
  settleMs: number;
  /** Epoch ms, of the clock that file times come from. */
  now: () => number;
}

/** A folder of manifests and all folders below; names that begin with a dot are left out. */
export function createFolderSource(options: FolderSourceOptions): Source {
  const { folder, name = folder, render = null } = options;
  return {
    name: `folder:${name}`,

    async read() {
      try {
        const files = await readSettledFiles(options);
        if (files === null) return { kind: 'unsettled' };
        return render === null ? { kind: 'files', files } : await rendered(render, options);
      } catch (error) {
        if (error instanceof TooMuchError) return refused(folder, [`${folder}: ${error.message}`]);
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

/** Null while one of them is being written. */
async function readSettledFiles(options: FolderSourceOptions): Promise<SourceFile[] | null> {
  const { folder, selection = EVERYTHING, settleMs, now } = options;
  const files: SourceFile[] = [];
  for (const { path } of await findManifests(folder, selection)) {
    const text = await readSettled(join(folder, path), { settleMs, now });
    if (text === null) return null;
    files.push({ path: join(folder, path), text });
  }
  return files;
}

async function rendered(render: Render, { folder }: FolderSourceOptions): Promise<SourceRead> {
  const result = await render(folder, folder);
  return result.kind === 'files' ? result : refused(folder, result.problems);
}

/** What was refused is told once for the same words. */
function refused(folder: string, problems: string[]): SourceRead {
  return { kind: 'refused', checksum: `${folder}\n${problems.join('\n')}`, problems };
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
