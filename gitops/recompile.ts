import { randomUUID } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { RuntimeCatalogue } from '../domain/action/runtime';
import { compileDocument } from '../language/manifest/compile';
import { formatProblem } from '../language/problem';
import { createBell } from '../platform/bell';
import type { Logger } from '../platform/logger';
import { listManifests, type ManifestPlace, type ManifestRow } from '../storage/manifests-read';
import { reapply, type Recompiled } from '../storage/recompile';

export interface RecompileOptions {
  pool: Pool;
  catalogue: readonly RuntimeCatalogue[];
  logger: Logger;
}

const RETRY_MS = 2000;

/** Compiles anew once, in the background; until it succeeded or is stopped. */
export function startRecompile(options: RecompileOptions): { stop: () => Promise<void> } {
  const bell = createBell();
  async function run(): Promise<void> {
    let isTold = false;
    while (!bell.isStopped()) {
      try {
        await recompile(options);
        return;
      } catch (error) {
        if (!isTold) options.logger.warn({ err: error }, 'cannot compile anew, trying again');
        isTold = true;
        await bell.wait(RETRY_MS);
      }
    }
  }
  const running = run();
  return {
    async stop() {
      bell.stop();
      await running;
    },
  };
}

/**
 * Compiles what every source has in force as this version does, and applies what is compiled to
 * something else than is stored: a manifest that nobody touches is not compiled otherwise.
 */
export async function recompile({ pool, catalogue, logger }: RecompileOptions): Promise<void> {
  const objects: Recompiled[] = [];
  for await (const row of storedManifests(pool)) {
    // How long samples are kept is judged where a manifest is written.
    const options = { file: row.file ?? '', catalogue, retentionMs: Infinity };
    const compiled = compileDocument(row.document, options);
    const [object] = compiled.objects;
    const faults = compiled.problems.filter(({ severity }) => severity === 'error');
    if (object !== undefined && faults.length === 0) {
      objects.push({ ...object, source: row.source, checksum: row.checksum, line: row.line ?? 1 });
      continue;
    }
    const problems = faults.map((fault) => formatProblem({ ...fault, line: row.line ?? 1 }));
    logger.warn({ source: row.source, problems }, 'manifest refused by now, stays as it is');
  }
  for (const result of await reapply(pool, objects, randomUUID())) {
    const { source } = result;
    if (result.kind === 'refused') {
      logger.error({ source, problems: result.problems }, 'what was compiled anew is refused');
    } else if (result.revision !== null) {
      const { revision, changed } = result;
      logger.info({ source, revision, objects: changed.length }, 'manifests compiled anew');
    }
  }
}

const PAGE = 500;

async function* storedManifests(pool: Pool): AsyncGenerator<ManifestRow> {
  const everything = { source: null, kind: null, namespace: null };
  let after: ManifestPlace | null = null;
  for (;;) {
    const rows: ManifestRow[] = await listManifests(pool, everything, { after, limit: PAGE });
    const last = rows.at(-1);
    if (last === undefined) return;
    for (const row of rows) {
      yield row;
      await breathe();
    }
    after = [last.kind, last.namespace, last.name];
  }
}
