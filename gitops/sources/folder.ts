import { existsSync, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { watch } from 'chokidar';
import type { Render, Source, SourceFile, SourceRead } from './source';
import { EVERYTHING, type Selection } from './selection';
import { findManifests, readManifests, TreeRefusedError } from './tree';
import type { Found, KnownTexts } from './tree';

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
  const known: KnownTexts = new Map();
  return {
    name: `folder:${name}`,

    async read() {
      try {
        const files = await readSettledFiles(options, known);
        if (files === null) return { kind: 'unsettled' };
        return render === null ? { kind: 'files', files } : await rendered(render, options);
      } catch (error) {
        if (error instanceof TreeRefusedError)
          return refused(folder, [`${folder}: ${error.message}`]);
        if (!isMissing(error)) throw error;
        // The folder itself is missing, or a file in it went while it was read.
        if (await exists(folder)) return { kind: 'unsettled' };
        return { kind: 'absent', message: 'folder does not exist, watching for it' };
      }
    },

    watch(onChange, onError) {
      const real = existsSync(folder) ? realpathSync(folder) : folder;
      const watcher = watch(real, {
        ignoreInitial: true,
        // Where a link leads is watched by its own name; others lead out, or in circles.
        followSymlinks: false,
        ignored: isHiddenBelow(real),
      });
      watcher.on('all', onChange);
      watcher.on('error', onError);
      return { close: () => watcher.close() };
    },
  };
}

/** Null while one of them is being written. */
async function readSettledFiles(
  options: FolderSourceOptions,
  known: KnownTexts,
): Promise<SourceFile[] | null> {
  const { folder, selection = EVERYTHING, settleMs, now } = options;
  const found = await findManifests(folder, selection);
  // File times are finer than the clock: a file written just now may be younger than `now`. A time
  // far in the future says nothing about that.
  if (found.some(({ mtimeMs }) => Math.abs(now() - mtimeMs) < settleMs)) return null;
  const files = await readManifests(folder, found, { known, read: readSettled });
  return files?.map(({ path, text }) => ({ path: join(folder, path), text })) ?? null;
}

async function rendered(render: Render, { folder }: FolderSourceOptions): Promise<SourceRead> {
  const result = await render(folder, folder);
  return result.kind === 'files' ? result : refused(folder, result.problems);
}

/** What was refused is told once for the same words. */
function refused(folder: string, problems: string[]): SourceRead {
  return { kind: 'refused', checksum: `${folder}\n${problems.join('\n')}`, problems };
}

/** Null when somebody wrote while it was read. */
async function readSettled(path: string, found: Found): Promise<string | null> {
  const text = await readFile(path, 'utf8');
  const after = await stat(path);
  return after.mtimeMs === found.mtimeMs && after.size === found.bytes ? text : null;
}

/** Not `..data`: it is how Kubernetes puts a new ConfigMap in the place of the old. */
function isHiddenBelow(folder: string): (path: string) => boolean {
  return (path) =>
    path
      .slice(folder.length)
      .split('/')
      .some((part) => part.startsWith('.') && !part.startsWith('..'));
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
