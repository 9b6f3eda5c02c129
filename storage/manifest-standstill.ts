import type { PoolClient } from 'pg';
import type { AuditEvent } from '../domain/audit';
import { insertAudit } from './audit';
import { nameOf, type Claim, type RevisionPlan } from './manifest-plan';
import { loadSource, markHeld, pinSource, unpinSource } from './manifest-sources';
import { auditBase, type Applied, type RevisionRequest, type RevisionResult } from './revision';

export interface Wish {
  checksum: string;
  plan: RevisionPlan;
  stored: readonly Claim[];
}

/** A few objects are removed without a question: half of two is one. */
const MIN_GUARDED = 3;

/** A pin, or too much to remove: nothing is changed then, and it is said once. */
export async function whyNot(
  db: PoolClient,
  request: RevisionRequest,
  { checksum, plan, stored }: Wish,
): Promise<RevisionResult | null> {
  const { source, pruneShare, rollback } = request;
  if (rollback) return null;
  const row = await loadSource(db, source);
  if (row?.pin) {
    if (row.pin.against === checksum) return { kind: 'pinned', pin: row.pin };
    await unpinSource(db, source);
    const details = { source, revision: row.pin.revision, why: 'the source moved on' };
    await insertAudit(db, [sourceAudit(request, 'pin_released', details)]);
  }
  const of = stored.filter((claim) => claim.source === source).length;
  const count = plan.removals.length;
  if (pruneShare === undefined || count < MIN_GUARDED || count <= pruneShare * of) return null;
  if (row?.allowedChecksum === checksum) return null;
  const held = { checksum, removals: plan.removals, of };
  if (await markHeld(db, source, held)) {
    const removals = plan.removals.slice(0, MAX_NAMED).map(nameOf);
    await insertAudit(db, [sourceAudit(request, 'revision_held', { source, count, of, removals })]);
  }
  return { kind: 'held', count, of };
}

const MAX_NAMED = 20;

/** From now on the objects of the earlier revision are what is in force: nobody puts the newer ones back. */
export async function rememberRollback(
  db: PoolClient,
  request: RevisionRequest,
  { revision }: Applied,
): Promise<void> {
  const { source, author, rollback } = request;
  if (rollback === undefined) return;
  // What comes over REST is not read again by anybody, so that there is nothing to pin it against.
  if (request.source !== 'api') await pinSource(db, source, { ...rollback, by: author });
  const details = { source, to: rollback.revision, reason: rollback.reason, revision };
  await insertAudit(db, [sourceAudit(request, 'rolled_back', details)]);
}

function sourceAudit(
  { source, author, correlationId, rollback }: RevisionRequest,
  event: 'revision_held' | 'pin_released' | 'rolled_back',
  details: Record<string, unknown>,
): AuditEvent {
  const base = auditBase(source, author, correlationId);
  const door = rollback ? 'api' : base.door;
  return { ...base, door, namespace: 'default', event, details };
}
