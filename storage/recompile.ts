import type { Pool } from 'pg';
import { canonicalJson } from '../domain/canonical-json';
import { resourceKey } from '../domain/resource';
import { inTransaction, query, type Db } from './database';
import { nameOf, resourcesOf, storedClaims } from './manifest-plan';
import type { ManifestObject, RevisionPlan } from './manifest-plan';
import { carryOut, refusalOf } from './manifests';
import type { RevisionOrigin, RevisionRequest, RevisionResult } from './revision';
import { lockRevisions } from './revision-lock';
import { listRevisions } from './revisions-read';

/** A stored manifest as it is compiled now. */
export interface Recompiled extends ManifestObject {
  source: string;
}

type Result = Extract<RevisionResult, { kind: 'applied' | 'refused' }>;
export type Reapplied = Result & { source: string };

/** Said in the audit, and as the reason of the revision. */
export const COMPILED_ANEW = 'compiled anew';

/**
 * Brings what is stored to what its manifests compile to now: for each source that has an object
 * that differs, one revision of the commit that is in force, in a transaction of its own. Nothing is
 * removed, and what a person pinned or held stays so.
 */
export async function reapply(
  pool: Pool,
  objects: readonly Recompiled[],
  correlationId: string,
): Promise<Reapplied[]> {
  const differing = await differingOf(pool, objects);
  const results: Reapplied[] = [];
  for (const source of new Set(differing.map((object) => object.source))) {
    const some = differing.filter((object) => object.source === source);
    results.push({ source, ...(await reapplySource(pool, some, { source, correlationId })) });
  }
  return results;
}

async function reapplySource(
  pool: Pool,
  objects: readonly Recompiled[],
  { source, correlationId }: { source: string; correlationId: string },
): Promise<Result> {
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const stored = await storedClaims(db);
    const claims = new Map(stored.map((claim) => [nameOf(claim), claim]));
    // Somebody may have applied something since; of that it is known what it compiles to.
    const writes = (await differingOf(db, objects)).filter((object) => {
      const claim = claims.get(nameOf(object));
      return claim?.source === source && claim.checksum === object.checksum;
    });
    const plan: RevisionPlan = {
      ...{ problems: [], isStale: false, writes, removals: [], moves: [] },
      unchanged: objects.length - writes.length,
    };
    const refusal = await refusalOf(db, plan, stored);
    if (refusal !== null) return refusal;
    const [newest] = await listRevisions(db, source, { before: null, limit: 1 });
    const request: RevisionRequest = {
      ...{
        source,
        correlationId,
        mode: 'upsert',
        objects: writes,
        deletions: [],
        why: COMPILED_ANEW,
      },
      author: newest?.author ?? 'vigil',
      origin: newest === undefined ? null : originOf(newest),
    };
    return carryOut(db, request, plan);
  });
}

type Newest = Awaited<ReturnType<typeof listRevisions>>[number];

function originOf({ commit, ref, message, authoredAt, signedBy }: Newest): RevisionOrigin | null {
  if (commit === null || ref === null || message === null || authoredAt === null) return null;
  return { commit, ref, message, authoredAt, ...(signedBy === null ? {} : { signedBy }) };
}

async function differingOf(db: Db, objects: readonly Recompiled[]): Promise<Recompiled[]> {
  const stored = await storedOutputs(db);
  return objects.filter((object) => stored(object) !== outputOf(object));
}

/** All that an object is compiled to, as text. */
function outputOf(object: ManifestObject): string {
  const { labels, service: spec } = object;
  return textOf({
    resources: resourcesOf(object).map(({ key, host }) => ({ resource: key, host, labels, spec })),
    policies: object.policies.map((document) => ({ policy: document.key, document })),
    definition: object.definition ?? null,
  });
}

interface Output {
  resources: { resource: string; host: string | null; labels: unknown; spec: unknown }[];
  policies: { policy: string; document: unknown }[];
  definition: unknown;
}

function textOf({ resources, policies, definition }: Output): string {
  const sorted = <T>(all: readonly T[], keyOf: (one: T) => string): T[] =>
    [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return canonicalJson([
    sorted(resources, ({ resource }) => resource),
    sorted(policies, ({ policy }) => policy),
    definition,
  ]);
}

/** What is in force of an object, in the same words. */
async function storedOutputs(db: Db): Promise<(object: ManifestObject) => string> {
  const resources = await query<{ maker: string; made: Output['resources'] }>(
    db,
    `select 'Service ' || namespace || '/' || service as maker, jsonb_agg(jsonb_build_object(
       'resource', resource, 'host', host, 'labels', labels, 'spec', spec)) as made
     from resources where deleted_at is null group by namespace, service`,
  );
  const policies = await query<{ maker: string; made: Output['policies'] }>(
    db,
    `select coalesce('Service ' || implied_by, 'Policy ' || policy) as maker, jsonb_agg(
       jsonb_build_object('policy', policy, 'document', document)) as made
     from policies where deleted_at is null group by 1`,
  );
  const definitions = await query<{ maker: string; made: unknown }>(
    db,
    `select kind || ' ' || key as maker, document as made from definitions`,
  );
  const resourcesBy = byMaker(resources);
  const policiesBy = byMaker(policies);
  const definitionBy = byMaker(definitions);
  return ({ kind, namespace, name }) => {
    const maker = `${kind} ${resourceKey(namespace, name)}`;
    return textOf({
      resources: resourcesBy.get(maker) ?? [],
      policies: policiesBy.get(maker) ?? [],
      definition: definitionBy.get(maker) ?? null,
    });
  };
}

function byMaker<Made>(rows: readonly { maker: string; made: Made }[]): Map<string, Made> {
  return new Map(rows.map(({ maker, made }) => [maker, made]));
}
