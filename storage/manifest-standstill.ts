import type { Pool, PoolClient } from 'pg';
import type { AuditEvent } from '../domain/audit';
import { insertAudit } from './audit';
import type { Notice } from '../domain/notice';
import { inTransaction, query } from './database';
import { nameOf, type Claim, type RevisionPlan } from './manifest-plan';
import {
  adoptPin,
  loadSource,
  markHeld,
  pinSource,
  unpinSource,
  type Held,
  type Pin,
} from './manifest-sources';
import { insertNotice } from './notices';
import { SYNC_CHANNEL } from './reload';
import { lockRevisions } from './revision-lock';
import { auditBase, type Applied, type RevisionRequest, type RevisionResult } from './revision';

export interface Wish {
  checksum: string;
  plan: RevisionPlan;
  stored: readonly Claim[];
}

/** One object is removed without a question, even if it is the last: whoever deletes one file means it. */
const MIN_GUARDED = 2;

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
    if (row.pin.against === '') await adoptPin(db, source, checksum);
    if (['', checksum].includes(row.pin.against)) return { kind: 'pinned', pin: row.pin };
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
    await insertNotice(db, pruneNotice(request, held));
  }
  return { kind: 'held', count, of };
}

const MAX_NAMED = 20;

/** Asks people once for each revision that is held; `prunesNoMore` of notice-standing ends it. */
function pruneNotice(
  { source, origin }: RevisionRequest,
  { checksum, removals, of }: { checksum: string; removals: RevisionPlan['removals']; of: number },
): Notice {
  const count = removals.length;
  const names = removals.slice(0, MAX_NAMED).map(nameOf);
  const more = count - names.length;
  return {
    kind: 'prune_held',
    key: `prune:${source}:${checksum}`,
    ...{ namespace: 'default', resource: null, policy: null, actionId: null, severity: 'warning' },
    title: `${source} waits: it would remove ${count} of ${of} objects`,
    text: [
      'Nothing of this revision is applied until a person allows it or the source wants its objects back.',
      ...(origin
        ? [`Commit ${origin.commit.slice(0, 12)} (${origin.ref}): ${origin.message}`]
        : []),
      'It would remove:',
      ...names.map((name) => `- ${name}`),
      ...(more > 0 ? [`- and ${more} more`] : []),
      `Next: ./vigil drift allow-prune ${source} --checksum ${checksum.slice(0, SHORT)}`,
    ].join('\n'),
    isResolved: false,
  };
}

/** How much of a checksum a command needs. */
const SHORT = 8;

/** From now on the objects of the earlier revision are what is in force: nobody puts the newer ones back. */
export async function rememberRollback(
  db: PoolClient,
  request: RevisionRequest,
  { revision }: Applied,
): Promise<void> {
  const { source, author, rollback } = request;
  if (rollback === undefined) return;
  const { revision: to, reason } = rollback;
  // What comes over REST is not read again by anybody, so that there is nothing to pin it against.
  if (source !== 'api') await pinSource(db, source, { revision: to, reason, by: author });
  const details = { source, to, reason, revision };
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

interface Asked {
  actor: string;
  correlationId: string | null;
}

export interface Permission extends Asked {
  reason: string | null;
  /** Of what the person saw that is held; null: whatever is held. */
  checksum: string | null;
}

export type LetThrough =
  | { kind: 'allowed'; held: Held }
  | { kind: 'nothingHeld' }
  /** Something else is held by now. */
  | { kind: 'movedOn'; held: Held };

/** Lets through what is held, only that and once, and wakes its source. */
export async function letThrough(
  pool: Pool,
  source: string,
  { actor, correlationId, reason, checksum }: Permission,
): Promise<LetThrough> {
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const held = (await loadSource(db, source))?.held ?? null;
    if (held === null) return { kind: 'nothingHeld' };
    if (checksum !== null && checksum !== held.checksum) return { kind: 'movedOn', held };
    await query(db, 'update sources set allowed_checksum = held_checksum where source = $1', [
      source,
    ]);
    const { count, of } = held;
    await insertAudit(db, [
      byPerson({ source, actor, correlationId }, 'prune_allowed', { source, count, of, reason }),
    ]);
    await query(db, `select pg_notify($1, '')`, [SYNC_CHANNEL]);
    return { kind: 'allowed', held };
  });
}

/** Ends a pin and wakes its source; null: there was none. */
export async function releasePin(
  pool: Pool,
  source: string,
  { actor, correlationId }: Asked,
): Promise<Pin | null> {
  return inTransaction(pool, async (db) => {
    await lockRevisions(db);
    const pin = await unpinSource(db, source);
    if (pin === null) return null;
    const details = { source, revision: pin.revision, why: 'released by hand' };
    await insertAudit(db, [byPerson({ source, actor, correlationId }, 'pin_released', details)]);
    await query(db, `select pg_notify($1, '')`, [SYNC_CHANNEL]);
    return pin;
  });
}

function byPerson(
  { source, actor, correlationId }: Asked & { source: string },
  event: 'prune_allowed' | 'pin_released',
  details: Record<string, unknown>,
): AuditEvent {
  const base = auditBase(source, actor, correlationId);
  return { ...base, door: 'api', namespace: 'default', event, details };
}
