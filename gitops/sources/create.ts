import { nameOf, type GitopsConfig, type SourceConfig } from '../config';
import { createGitSource } from './git/source';
import { createFolderSource } from './folder';
import type { Render, Source } from './source';

/** Half-written files are not taken: a file must be left alone for so long. */
export const SETTLE_MS = 200;

export interface SourceDeps {
  home: string;
  /** Epoch ms. */
  now: () => number;
  /** From 0 up to 1. */
  random: () => number;
  renderOf: (config: NonNullable<SourceConfig['render']>) => Render;
}

/** Every source of the configuration. */
export function createSources(
  { folders, sources }: GitopsConfig['gitops'],
  deps: SourceDeps,
): Source[] {
  const plain = folders.map((folder) =>
    createFolderSource({ folder, settleMs: SETTLE_MS, now: deps.now }),
  );
  return [...plain, ...sources.map((one) => createSource(one, deps))];
}

function createSource(config: SourceConfig, { home, now, random, renderOf }: SourceDeps): Source {
  const { folder, git, path, include, exclude, poll, branch, tag, commit } = config;
  const selection = { include, exclude };
  const render = config.render === undefined ? null : renderOf(config.render);
  if (folder !== undefined) {
    return createFolderSource({
      ...{ folder, name: config.name, selection, render, now },
      settleMs: SETTLE_MS,
    });
  }
  if (git === undefined) throw new Error('a source is neither a folder nor a git repository');
  return createGitSource({
    ...{ path, selection, render, home, random },
    name: nameOf(config),
    url: git,
    wanted: { branch, tag, commit },
    credentials: config.auth ?? {},
    depth: config.depth,
    verify: config.verify ?? null,
    poll: { fastMs: poll.fast, slowMs: poll.slow },
    timeoutMs: config.timeout,
  });
}
