import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { CATALOGUES } from '../../activities/catalogue';
import { createCompile } from '../../gitops/compile';
import { createRound, type Round, type SourceStatus } from '../../gitops/round';
import { createGitSource } from '../../gitops/sources/git/source';
import { createRepository } from './git-server';

/** A real repository, and the rounds that gitops makes over it, one at a time. */
export interface GitRound {
  /** Name of the source: `git:fleet`. */
  source: string;
  /** Commits and pushes (null removes a file), then looks. */
  push: (
    files: Record<string, string | null>,
    message?: string,
  ) => Promise<{ commit: string; status: SourceStatus }>;
  /** One look at the repository as it is. */
  look: () => Promise<SourceStatus>;
  /** Forgets what earlier looks learned, as a new process would. */
  restart: () => void;
  remove: () => void;
}

export function createGitRound(pool: Pool, name = 'fleet'): GitRound {
  const repository = createRepository();
  const home = mkdtempSync(join(tmpdir(), 'vigil-git-round-'));
  const options = {
    ...{ name, url: repository.bare, wanted: { branch: 'main' }, path: '.' },
    ...{ selection: { include: [], exclude: [] }, credentials: {}, depth: 1 },
    ...{ verify: null, render: null, poll: { fastMs: 1000, slowMs: 60_000 } },
    ...{ timeoutMs: 20_000, home, random: () => 0.5 },
  };
  const begin = (): Round =>
    createRound({
      ...{ pool, source: createGitSource(options), compile: createCompile(CATALOGUES) },
      ...{ logger: pino({ level: 'silent' }), now: Date.now, pruneShare: 0.5 },
    });
  let round = begin();
  const look = async (): Promise<SourceStatus> => {
    await round.run();
    return round.status(Date.now());
  };
  return {
    source: `git:${name}`,
    look,
    restart() {
      round = begin();
    },
    async push(files, message = 'change') {
      const commit = repository.commit(files, { message });
      return { commit, status: await look() };
    },
    remove() {
      repository.remove();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A Service's manifest; `version` is what its environment says. */
export function serviceYaml(name: string, version = '1'): string {
  return `apiVersion: vigil.io/v1
kind: Service
metadata: { name: ${name} }
spec:
  runtime: { type: process, command: [node, server.mjs], env: { VERSION: "${version}" } }
`;
}

/** `a`, `b` → their files, all at one version. */
export function servicesYaml(names: readonly string[], version = '1'): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${name}.yaml`, serviceYaml(name, version)]));
}
