import { CATALOGUES } from '../activities/catalogue';
import { compileDocument, type CompiledManifest } from '../language/manifest/compile';
import { applyRevision } from '../storage/manifests';
import { getRevision, objectsAt, type PastObject } from '../storage/revisions-read';
import type { ApiDeps } from './deps';
import { toProblems } from './manifest-body';
import { conflict, notFound, unprocessable } from './problems';
import { judgeTogether } from './together';

export interface RollbackRequest {
  source: string;
  revision: number;
  reason: string;
  author: string;
  correlationId: string;
}

export interface RolledBack {
  /** Null: what was in force was the same. */
  revision: number | null;
  changed: { kind: string; namespace: string; name: string; change: string }[];
}

/**
 * Brings back what a source had in force at an earlier revision, and pins it. Throws 404 where the
 * source had nothing then, 409 where an object belongs to another source by now, 422 where today's
 * rules refuse a manifest of that time.
 */
export async function rollBack(deps: ApiDeps, request: RollbackRequest): Promise<RolledBack> {
  const { source, revision, reason, author, correlationId } = request;
  const objects = await pastObjects(deps, request);
  const result = await applyRevision(deps.pool, {
    ...{ source, author, correlationId, objects },
    mode: 'replaceSource',
    deletions: [],
    rollback: { revision, reason },
  });
  if (result.kind === 'refused') {
    throw conflict(`revision ${revision} cannot come back: ${result.problems[0]?.message ?? ''}`);
  }
  if (result.kind !== 'applied') throw new Error(`a rollback was ${result.kind}`);
  return { revision: result.revision, changed: result.changed };
}

/** Compiled by today's rules, so that what comes back means what it would mean if it were written now. */
export async function pastObjects(
  deps: ApiDeps,
  { source, revision }: Pick<RollbackRequest, 'source' | 'revision'>,
): Promise<CompiledManifest[]> {
  if ((await getRevision(deps.pool, revision)) === null)
    throw notFound(`there is no revision ${revision}`);
  const past = await objectsAt(deps.pool, source, revision);
  if (past.length === 0)
    throw notFound(`source ${source} had nothing in force at revision ${revision}`);
  const parts = past.map((object) => ({ object, ...compilePast(deps, object) }));
  const problems = parts.flatMap((part) =>
    part.problems.filter(({ severity }) => severity === 'error'),
  );
  if (problems.length > 0)
    throw unprocessable(`today's rules refuse revision ${revision}`, toProblems(problems));
  const objects = parts.flatMap(({ object, objects: compiled }) =>
    compiled.map((one) => ({ ...one, checksum: object.checksum, line: object.line ?? 1 })),
  );
  await judgeTogether(deps, objects);
  return objects;
}

function compilePast({ config }: ApiDeps, { document, file }: PastObject) {
  const { retention: retentionMs } = config;
  return compileDocument(document, { file: file ?? '', catalogue: CATALOGUES, retentionMs });
}
