import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { AuditEvent } from '../domain/audit';
import { resourceKey } from '../domain/resource';
import { insertAudit } from './audit';
import { inTransaction, query, type Db } from './database';
import { isDefinitionKind } from './definitions';
import { refreshMembers } from './groups';
import { removeObject, writeObject, type WrittenObject } from './manifest-objects';
import { nameOf, planRevision, storedClaims } from './manifest-plan';
import type {
  Expectation,
  ManifestName,
  ManifestObject,
  ManifestProblem,
  RevisionPlan,
} from './manifest-plan';
import { enqueue, enqueueAll, OUTBOX_PRIORITY } from './outbox';
import { lockRevisions } from './revision-lock';
import { forgetStates } from './states';

export { belongsTo } from './manifest-plan';
export type { Expectation, ManifestName, ManifestObject, ManifestProblem } from './manifest-plan';

export interface RevisionRequest {
  /** Who owns the objects: `folder:<path>`, `api`, … */
  source: string;
  /** For audit rows: `vigil`, `user:<name>`, `anonymous`. */
  author: string;
  correlationId: string | null;
  /** `replaceSource`: the source's objects that are not among `objects` are deleted. */
  mode: 'replaceSource' | 'upsert';
  objects: readonly ManifestObject[];
  /** Names that are not there are left out. */
  deletions: readonly ManifestName[];
  /** Refused as stale unless that object is at that revision. */
  expected?: Expectation | undefined;
}

export interface ManifestChange extends ManifestName {
  change: 'created' | 'updated' | 'deleted';
}

export type RevisionResult =
  | {
      kind: 'applied';
      /** Null: nothing changed, so no revision was written. */
      revision: number | null;
      changed: ManifestChange[];
      unchanged: number;
    }
  | { kind: 'refused'; isStale: boolean; problems: ManifestProblem[] };

/**
 * Makes the next revision of the desired state out of one source's objects, all or nothing: the
 * manifests, their resources, policies and definitions, audit rows, and the news for running
 * workflows, in one transaction. Refused (and nothing written) when an object belongs to another source, is there
 * twice, makes a resource that another one makes, or is not at the revision that was expected.
 */
export async function applyRevision(pool: Pool, request: RevisionRequest): Promise<RevisionResult> {
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const plan = planRevision(await storedClaims(db), request);
    if (plan.problems.length > 0) {
      return { kind: 'refused', isStale: plan.isStale, problems: plan.problems };
    }
    await followMoves(db, plan);
    if (plan.removals.length + plan.writes.length === 0) {
      return { kind: 'applied', revision: null, changed: [], unchanged: plan.unchanged };
    }
    const revision = await insertRevision(db, request, plan);
    const changed = await changeObjects(db, request.source, { revision, plan });
    await refreshMembers(db);
    await tellOthers(db, request, { revision, changed });
    return {
      kind: 'applied',
      revision,
      changed: changed.map(({ kind, namespace, name, change }) => ({
        kind,
        namespace,
        name,
        change,
      })),
      unchanged: plan.unchanged,
    };
  });
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
async function followMoves(db: PoolClient, plan: RevisionPlan): Promise<void> {
  for (const { kind, namespace, name, file, line } of plan.moves) {
    await query(
      db,
      'update manifests set file = $4, line = $5 where kind = $1 and namespace = $2 and name = $3',
      [kind, namespace, name, file, line],
    );
  }
}

async function insertRevision(
  db: PoolClient,
  { source, author, correlationId }: RevisionRequest,
  plan: RevisionPlan,
): Promise<number> {
  const checksum = createHash('sha256');
  for (const object of plan.writes) checksum.update(`${nameOf(object)} ${object.checksum}\n`);
  for (const name of plan.removals) checksum.update(`${nameOf(name)} deleted\n`);
  const [row] = await query<{ revision: number }>(
    db,
    `insert into revisions (source, checksum, author, correlation_id)
     values ($1, $2, $3, $4) returning revision`,
    [source, checksum.digest('hex'), author, correlationId],
  );
  if (row === undefined) throw new Error('PostgreSQL returned no revision');
  return row.revision;
}

/** Removals first, so that a name is free for who takes it over in the same revision. */
async function changeObjects(
  db: PoolClient,
  source: string,
  { revision, plan }: { revision: number; plan: RevisionPlan },
): Promise<WrittenObject[]> {
  const changed: WrittenObject[] = [];
  for (const name of plan.removals)
    changed.push(await removeObject(db, name, { source, revision }));
  for (const object of plan.writes)
    changed.push(await writeObject(db, object, { source, revision }));
  return changed;
}

async function tellOthers(
  db: PoolClient,
  request: RevisionRequest,
  { revision, changed }: { revision: number; changed: WrittenObject[] },
): Promise<void> {
  const { source, author, correlationId } = request;
  await insertAudit(
    db,
    changed.map(({ kind, namespace, name, change, file, line }) => ({
      ...auditBase(source, author, correlationId),
      namespace,
      resource: kind === 'Service' ? resourceKey(namespace, name) : null,
      policy: kind === 'Policy' ? resourceKey(namespace, name) : null,
      event: 'manifest_applied' as const,
      policyRevision: kind === 'Policy' ? revision : null,
      details: { kind, name, change, source, revision, file, line },
    })),
  );
  // A resource that moved to another Service within the revision was removed and written: it lives.
  const live = new Set(changed.flatMap((object) => object.resources));
  const removed = changed.flatMap((object) => object.removedResources).filter((r) => !live.has(r));
  await forgetStates(db, removed);
  for (const resource of [...live, ...removed]) {
    await enqueue(db, {
      // The id of workflows/contract's resourceWorkflowId, which storage may not import.
      workflowId: `resource/${resource}`,
      kind: 'desiredChanged',
      action: '',
      payload: { revision, isDeleted: !live.has(resource) },
      starts: false,
      priority: OUTBOX_PRIORITY.fact,
      correlationId,
    });
  }
  if (changed.some(({ kind }) => isDefinitionKind(kind))) await wakeHeld(db, correlationId);
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

function auditBase(
  source: string,
  actor: string,
  correlationId: string | null,
): Omit<AuditEvent, 'namespace' | 'event' | 'details'> {
  return {
    resource: null,
    policy: null,
    actionId: null,
    step: -1,
    actor,
    door: source === 'api' ? 'api' : 'gitops',
    correlationId,
    policyRevision: null,
  };
}
