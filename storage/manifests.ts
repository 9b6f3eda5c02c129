import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { resourceKey } from '../domain/resource';
import { insertAudit } from './audit';
import { inTransaction, query, type Db } from './database';
import { isDefinitionKind } from './definitions';
import { refreshMembers } from './groups';
import { removeObjects, writeObjects, type WrittenObject } from './manifest-objects';
import { collisions, makersOf, nameOf, planRevision, storedClaims } from './manifest-plan';
import type { Claim, ManifestName, RevisionPlan } from './manifest-plan';
import { checksumOfWish, isSettled, markApplied } from './manifest-sources';
import { rememberRollback, whyNot } from './manifest-standstill';
import { enqueueAll, OUTBOX_PRIORITY } from './outbox';
import { auditBase, type Applied, type RevisionRequest, type RevisionResult } from './revision';
import { lockRevisions } from './revision-lock';
import { endOverrides } from './overrides';
import { forgetStates } from './states';

export { belongsTo } from './manifest-plan';
export type { ManifestName, ManifestObject, ManifestProblem } from './manifest-plan';
export type { RevisionRequest, RevisionResult } from './revision';

/**
 * Makes the next revision of the desired state out of one source's objects, all or nothing: the
 * manifests, their resources, policies and definitions, audit rows, and the news for running
 * workflows, in one transaction. Refused (and nothing written) when an object belongs to another source, is there
 * twice, makes a resource that another one makes, or is not at the revision that was expected.
 */
export async function applyRevision(pool: Pool, request: RevisionRequest): Promise<RevisionResult> {
  const checksum = checksumOfWish(request.objects, request.deletions);
  const isWhole = request.mode === 'replaceSource';
  if (isWhole && !request.rollback && (await isSettled(pool, request.source, checksum)))
    return nothingNew(request.objects.length);
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const stored = await storedClaims(db);
    const plan = planRevision(stored, request);
    const refusal = await refusalOf(db, plan, stored);
    if (refusal !== null) return refusal;
    const standstill = isWhole ? await whyNot(db, request, { checksum, plan, stored }) : null;
    if (standstill !== null) return standstill;
    if (request.rollback?.isDryRun === true) return foretell(plan, stored);
    const result = await carryOut(db, request, plan);
    if (request.rollback) await rememberRollback(db, request, result);
    else if (isWhole) await markApplied(db, request.source, checksum);
    return result;
  });
}

/** Every problem at once; that it is stale is only said of what could be done otherwise. */
export async function refusalOf(
  db: PoolClient,
  plan: RevisionPlan,
  stored: readonly Claim[],
): Promise<Extract<RevisionResult, { kind: 'refused' }> | null> {
  const makers = await makersOf(db, plan.writes);
  const clashes = collisions(plan, { stored, makers });
  const isStale = plan.isStale && clashes.length === 0;
  const problems = isStale ? plan.problems : [...(plan.isStale ? [] : plan.problems), ...clashes];
  return problems.length === 0 ? null : { kind: 'refused', isStale, problems };
}

/** What carrying it out would answer, but for the number of the revision. */
function foretell(plan: RevisionPlan, stored: readonly Claim[]): Applied {
  const present = new Set(stored.map(nameOf));
  const written = plan.writes.map((object) => ({
    ...plainName(object),
    change: present.has(nameOf(object)) ? ('updated' as const) : ('created' as const),
  }));
  const deleted = plan.removals.map((name) => ({ ...plainName(name), change: 'deleted' as const }));
  return {
    kind: 'applied',
    revision: null,
    changed: [...deleted, ...written],
    unchanged: plan.unchanged,
  };
}

function nothingNew(unchanged: number): Applied {
  return { kind: 'applied', revision: null, changed: [], unchanged };
}

/** Writes what the plan says, under the lock of revisions. */
export async function carryOut(
  db: PoolClient,
  request: RevisionRequest,
  plan: RevisionPlan,
): Promise<Applied> {
  await followMoves(db, plan);
  if (plan.removals.length + plan.writes.length === 0) return nothingNew(plan.unchanged);
  const revision = await insertRevision(db, request, plan);
  // Removals first, so that a name is free for who takes it over in the same revision.
  const at = { source: request.source, revision, isSaidAnew: request.why === undefined };
  const changed = [
    ...(await removeObjects(db, plan.removals.map(plainName), at)),
    ...(await writeObjects(db, plan.writes, at)),
  ];
  await refreshMembers(db);
  await tellOthers(db, request, { revision, changed });
  return {
    kind: 'applied',
    revision,
    changed: changed.map((object) => ({ ...plainName(object), change: object.change })),
    unchanged: plan.unchanged,
  };
}

function plainName({ kind, namespace, name }: ManifestName): ManifestName {
  return { kind, namespace, name };
}

/** What a source has in force: its newest revision (null: none) and how many objects. */
export async function sourceStatus(
  db: Db,
  source: string,
): Promise<{ revision: number | null; objects: number }> {
  const [row] = await query<{ revision: number | null; objects: number }>(
    db,
    `select (select max(revision) from revisions where source = $1) as revision,
            (select count(*)::int from manifests where source = $1) as objects`,
    [source],
  );
  return row ?? { revision: null, objects: 0 };
}

/** Audits that a source's content was refused, once per distinct content even across restarts; false: it was known. */
export async function recordRefusal(
  pool: Pool,
  refusal: { source: string; checksum: string; problems: string[]; correlationId: string | null },
): Promise<boolean> {
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const [last] = await query<{ checksum: string | null }>(
      db,
      `select details->>'checksum' as checksum from audit_events
       where event = 'manifest_refused' and details->>'source' = $1 order by id desc limit 1`,
      [refusal.source],
    );
    if (last?.checksum === refusal.checksum) return false;
    const { source, checksum, problems, correlationId } = refusal;
    await insertAudit(db, [
      {
        ...auditBase(source, 'vigil', correlationId),
        namespace: 'default',
        event: 'manifest_refused',
        details: { source, checksum, problems },
      },
    ]);
    return true;
  });
}

/** Objects whose text is the same and whose place is not: no new revision, but messages name the new place. */
async function followMoves(db: PoolClient, { moves }: RevisionPlan): Promise<void> {
  if (moves.length === 0) return;
  await query(
    db,
    `update manifests m set file = r.file, line = r.line
     from jsonb_to_recordset($1) as r(kind text, namespace text, name text, file text, line int)
     where (m.kind, m.namespace, m.name) = (r.kind, r.namespace, r.name)`,
    [JSON.stringify(moves.map((one) => ({ ...plainName(one), file: one.file, line: one.line })))],
  );
}

async function insertRevision(
  db: PoolClient,
  { source, author, correlationId, origin, rollback, why }: RevisionRequest,
  plan: RevisionPlan,
): Promise<number> {
  const checksum = createHash('sha256');
  for (const object of plan.writes) checksum.update(`${nameOf(object)} ${object.checksum}\n`);
  for (const name of plan.removals) checksum.update(`${nameOf(name)} deleted\n`);
  const [row] = await query<{ revision: number }>(
    db,
    `insert into revisions (source, checksum, author, correlation_id, commit_id, ref, message,
       authored_at, signed_by, rolled_back_to, reason)
     values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), $9, $10, $11) returning revision`,
    [
      ...[source, checksum.digest('hex'), author, correlationId],
      ...[origin?.commit, origin?.ref, origin?.message, origin?.authoredAt, origin?.signedBy],
      ...[rollback?.revision, rollback?.reason ?? why],
    ],
  );
  if (row === undefined) throw new Error('PostgreSQL returned no revision');
  return row.revision;
}

async function tellOthers(
  db: PoolClient,
  request: RevisionRequest,
  { revision, changed }: { revision: number; changed: WrittenObject[] },
): Promise<void> {
  const { source, correlationId, why } = request;
  const author = why === undefined ? request.author : 'vigil';
  await insertAudit(
    db,
    changed.map(({ kind, namespace, name, change, file, line }) => ({
      ...auditBase(source, author, correlationId),
      namespace,
      resource: kind === 'Service' ? resourceKey(namespace, name) : null,
      policy: kind === 'Policy' ? resourceKey(namespace, name) : null,
      event: 'manifest_applied' as const,
      policyRevision: kind === 'Policy' ? revision : null,
      details: { kind, name, change, source, revision, file, line, ...(why && { why }) },
    })),
  );
  // A resource that moved to another Service within the revision was removed and written: it lives.
  const live = new Set(changed.flatMap((object) => object.resources));
  const removed = changed.flatMap((object) => object.removedResources).filter((r) => !live.has(r));
  await forgetStates(db, removed);
  await enqueueAll(
    db,
    [...live, ...removed].map((resource) => ({
      // The id of workflows/contract's resourceWorkflowId, which storage may not import.
      workflowId: `resource/${resource}`,
      kind: 'desiredChanged',
      action: '',
      payload: { revision, isDeleted: !live.has(resource) },
      starts: false,
      priority: OUTBOX_PRIORITY.fact,
      correlationId,
    })),
  );
  if (changed.some(({ kind }) => isDefinitionKind(kind))) await wakeHeld(db, correlationId);
  await endOverrides(db);
  await query(db, `select pg_notify('vigil_revision', $1)`, [String(revision)]);
}

/** What groups and maintenance windows decide; a pause may be of a group. */
const DEFINED_GATES = ['paused', 'maintenance', 'blast_radius', 'storm', 'max_concurrent'];

/** Whoever one of these gates holds asks again: it may be held no longer. What waits for a slot is looked at anyway. */
async function wakeHeld(db: PoolClient, correlationId: string | null): Promise<void> {
  const held = await query<{ resource: string; gate: string }>(
    db,
    `select resource, min(held_gate) as gate from episodes where held_gate = any($1)
     group by resource order by resource`,
    [DEFINED_GATES],
  );
  await enqueueAll(
    db,
    held.map(({ resource, gate }) => ({
      workflowId: `resource/${resource}`,
      kind: 'gateLifted',
      action: '',
      payload: { gate },
      starts: true,
      priority: OUTBOX_PRIORITY.fact,
      correlationId,
    })),
  );
}
