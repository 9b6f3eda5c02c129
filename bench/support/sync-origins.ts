import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GitopsConfig } from '../../gitops/config';
import { gitopsConfigSchema } from '../../gitops/config';
import type * as CreateModule from '../../gitops/sources/create';
import type { Source } from '../../gitops/sources/source';
import { built } from './built';
import type { ManifestFile } from './sync-manifests';

const { createSources } = built('gitops/sources/create') as typeof CreateModule;

/** Manifests somewhere, the source that reads them, and a way to change one. */
export interface ManifestOrigin {
  name: string;
  source: Source;
  /** Where the files stand on this disk. */
  paths: string[];
  /** Writes one file anew, as its author would, and answers once the source can see it. */
  change: (file: ManifestFile) => void;
  /** Whether the source is told of it, as a webhook does; else it watches. */
  isTold: boolean;
}

/** A folder that is watched. */
export function folderOrigin(home: string, files: readonly ManifestFile[]): ManifestOrigin {
  const folder = join(home, 'folder');
  const paths = writeAll(folder, files);
  return {
    name: 'folder',
    source: sourceOf(home, { folders: folder }),
    paths,
    change(file) {
      writeAll(folder, [file]);
    },
    isTold: false,
  };
}

/** A bare repository on this disk, and a clone of it that is worked in. */
export function gitOrigin(home: string, files: readonly ManifestFile[]): ManifestOrigin {
  const [bare, clone] = [join(home, 'fleet.git'), join(home, 'clone')];
  git(home, 'init', '--quiet', '--bare', '--initial-branch=main', bare);
  git(home, 'clone', '--quiet', bare, clone);
  const push = (paths: string): void => {
    git(clone, 'add', paths);
    git(clone, ...AUTHOR, 'commit', '--quiet', '--message', 'change');
    git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
  };
  const paths = writeAll(clone, files);
  push('.');
  return {
    name: 'git',
    source: sourceOf(home, { folders: '', sources: [{ git: bare, branch: 'main' }] }),
    paths,
    change(file) {
      writeAll(clone, [file]);
      push(file.path);
    },
    isTold: true,
  };
}

const AUTHOR = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com'];

function git(folder: string, ...args: string[]): void {
  execFileSync('git', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

function sourceOf(home: string, gitops: Record<string, unknown>): Source {
  const config: GitopsConfig = gitopsConfigSchema.parse({ home, gitops });
  const [source] = createSources(config.gitops, {
    ...{ home, now: Date.now, random: Math.random },
    renderOf: () => {
      throw new Error('nothing of it is rendered');
    },
  });
  if (source === undefined) throw new Error('no source was made');
  return source;
}

function writeAll(folder: string, files: readonly ManifestFile[]): string[] {
  return files.map(({ path, text }) => {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  });
}
