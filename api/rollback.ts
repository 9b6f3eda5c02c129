import { CATALOGUES } from '../activities/catalogue';
import { compileDocument, type CompiledManifest } from '../language/manifest/compile';
import { listSources } from '../storage/manifest-sources';
import { applyRevision } from '../storage/manifests';
import { getRevision, listRevisions, objectsAt, type PastObject } from '../storage/revisions-read';
import type { ApiDeps } from './deps';
import { toProblems } from './manifest-body';
import { conflict, notFound, unprocessable, type HttpProblem } from './problems';
import { judgeTogether } from './together';

export interface RollbackRequest {
  source: string;
  revision: number;
  reason: string;
  author: string;
  correlationId: string;
  /** Says what it would change, and changes nothing. */
  isDryRun: boolean;
}

export interface RolledBack {
  /** Null: what was in force was the same, or it was a dry run. */
  revision: number | null;
  changed: { kind: string; namespace: string; name: string; change: string }[];
}

/**
 * Brings back what a source had in force at an earlier revision, and pins it. Throws 404 where the
 * source had nothing then, 409 where an object belongs to another source by now, 422 where today's
 * rules refuse a manifest of that time.
 */
export async function rollBack(deps: ApiDeps, request: RollbackRequest): Promise<RolledBack> {
  const { source, revision, reason, author, correlationId, isDryRun } = request;
  const objects = await pastObjects(deps, request);
  const result = await applyRevision(deps.pool, {
    ...{ source, author, correlationId, objects },
    mode: 'replaceSource',
    deletions: [],
    rollback: { revision, reason, isDryRun },
  });
  if (result.kind === 'refused') {
    throw conflict(`revision ${revision} cannot come back: ${result.problems[0]?.message ?? ''}`);
  }
  if (result.kind !== 'applied') throw new Error(`a rollback was ${result.kind}`);
  return { revision: result.revision, changed: result.changed };
}

/** Compiled by today's rules, so that what comes back means what it would mean if it were written now. */
async function pastObjects(
  deps: ApiDeps,
  { source, revision }: Pick<RollbackRequest, 'source' | 'revision'>,
): Promise<CompiledManifest[]> {
  if ((await getRevision(deps.pool, revision)) === null) throw await noRevision(deps, revision);
  const past = await objectsAt(deps.pool, source, revision);
  if (past.length === 0) throw await nothingThen(deps, { source, revision });
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

/** 404 that says which one is the newest. */
export async function noRevision({ pool }: ApiDeps, revision: number): Promise<HttpProblem> {
  const [newest] = await listRevisions(pool, null, { before: null, limit: 1 });
  const hint = newest === undefined ? 'none was made yet' : `the newest is ${newest.revision}`;
  return notFound(`there is no revision ${revision}; ${hint}`);
}

/** How many revisions or sources a message names. */
const MAX_NAMED = 10;

async function nothingThen(
  { pool }: ApiDeps,
  { source, revision }: Pick<RollbackRequest, 'source' | 'revision'>,
): Promise<HttpProblem> {
  const made = await listRevisions(pool, source, { before: null, limit: MAX_NAMED });
  if (made.length === 0) {
    const known = (await listSources(pool)).map((row) => row.source).slice(0, MAX_NAMED);
    return notFound(`source ${source} never made a revision; known: ${known.join(', ') || 'none'}`);
  }
  const newest = made.map((row) => row.revision).join(', ');
  return notFound(
    `source ${source} had nothing in force at revision ${revision}; its newest revisions: ${newest}`,
  );
}

function compilePast({ config }: ApiDeps, { document, file }: PastObject) {
  const { retention: retentionMs } = config;
  return compileDocument(document, { file: file ?? '', catalogue: CATALOGUES, retentionMs });
}
