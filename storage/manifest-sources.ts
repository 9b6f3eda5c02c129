import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { query, type Db } from './database';
import { ERROR_OF_N, type SourceError } from './source-errors';
import { nameOf, type ManifestName, type ManifestObject } from './manifest-plan';

/** What is kept of a source beside its objects: what it was seen to want, what waits, what is pinned. */
export interface SourceRow {
  source: string;
  seenChecksum: string;
  checkedRevision: number | null;
  objects: number;
  held: Held | null;
  allowedChecksum: string | null;
  pin: Pin | null;
}

/** A revision that is not applied, because it would remove too many objects. */
export interface Held {
  checksum: string;
  /** Epoch ms. */
  since: number;
  /** Names of what it would remove: the first of them. */
  removals: string[];
  /** How many it would remove, of how many the source has. */
  count: number;
  of: number;
}

/** An earlier revision that stays in force although the source wants another one. */
export interface Pin {
  revision: number;
  /** Checksum of what the source wanted when it was pinned. */
  against: string;
  by: string;
  reason: string;
  /** Epoch ms. */
  at: number;
}

const MAX_NAMED = 20;

/** The same text for the same objects at the same places, whatever their order. */
export function checksumOfWish(
  objects: readonly ManifestObject[],
  deletions: readonly ManifestName[],
): string {
  const lines = objects.map((one) => `${nameOf(one)} ${one.checksum} ${one.file}:${one.line}`);
  const gone = deletions.map((one) => `${nameOf(one)} deleted`);
  return createHash('sha256')
    .update([...lines, ...gone].sort().join('\n'))
    .digest('hex');
}

const COLUMNS = `source, seen_checksum as "seenChecksum", checked_revision as "checkedRevision", objects,
  allowed_checksum as "allowedChecksum",
  case when held_checksum is not null then jsonb_build_object('checksum', held_checksum,
    'since', round(extract(epoch from held_since) * 1000), 'of', held_of,
    'removals', held_removals -> 'names', 'count', held_removals -> 'count') end as held,
  case when pinned_revision is not null then jsonb_build_object('revision', pinned_revision,
    'against', pinned_against, 'by', pinned_by, 'reason', pinned_reason,
    'at', round(extract(epoch from pinned_at) * 1000)) end as pin`;

/** Null: it was never looked at. */
export async function loadSource(db: Db, source: string): Promise<SourceRow | null> {
  const [row] = await query<SourceRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from sources where source = $1`,
    [source],
  );
  return row ?? null;
}

/** Every source that was ever looked at or has objects, by name. */
export async function listSources(db: Db): Promise<SourceListing[]> {
  return query<SourceListing & Record<string, unknown>>(
    db,
    `select n.source, r.revision, r.commit_id as commit, r.ref, r.author, r.created_at as "appliedAt",
       (select count(*)::int from manifests m where m.source = n.source) as objects, s.held, s.pin,
       ${ERROR_OF_N} as error
     from (select source from sources union select source from manifests
           union select source from source_errors) n
     left join (select ${COLUMNS} from sources) s on s.source = n.source
     left join lateral (select * from revisions r where r.source = n.source
                        order by revision desc limit 1) r on true
     order by n.source`,
    [],
  );
}

export interface SourceListing {
  source: string;
  /** Its newest revision; null: none yet. */
  revision: number | null;
  commit: string | null;
  ref: string | null;
  author: string | null;
  /** Epoch ms. */
  appliedAt: number | null;
  objects: number;
  held: Held | null;
  pin: Pin | null;
  error: SourceError | null;
}

/**
 * Whether the source's objects were found to be in force since anybody last made a revision, and are
 * as many as they were then. It is asked without a lock, and answers no where it cannot tell.
 */
export async function isSettled(db: Db, source: string, checksum: string): Promise<boolean> {
  const rows = await query(
    db,
    `select 1 from sources s
     where s.source = $1 and s.seen_checksum = $2 and s.held_checksum is null and s.pinned_revision is null
       and s.checked_revision is not distinct from (select max(revision) from revisions)
       and s.objects = (select count(*) from manifests where source = $1)`,
    [source, checksum],
  );
  return rows.length > 0;
}

/** The source wants this, and it is in force as of `revision` (null: of the newest one); what waited waits no more. */
export async function markApplied(db: PoolClient, source: string, checksum: string): Promise<void> {
  await query(
    db,
    `insert into sources as s (source, seen_checksum, checked_revision, objects)
     select $1, $2, (select max(revision) from revisions), (select count(*) from manifests where source = $1)
     on conflict (source) do update set seen_checksum = excluded.seen_checksum,
       checked_revision = excluded.checked_revision, objects = excluded.objects,
       held_checksum = null, held_since = null, held_removals = null, held_of = null,
       allowed_checksum = null`,
    [source, checksum],
  );
}

/** Keeps a revision back; true: it was not held before. */
export async function markHeld(
  db: PoolClient,
  source: string,
  held: { checksum: string; removals: readonly ManifestName[]; of: number },
): Promise<boolean> {
  const { checksum, removals, of } = held;
  const names = removals.map(nameOf).sort().slice(0, MAX_NAMED);
  const rows = await query(
    db,
    `insert into sources as s (source, seen_checksum, held_checksum, held_since, held_removals, held_of)
     values ($1, $2, $2, now(), $3, $4)
     on conflict (source) do update set seen_checksum = excluded.seen_checksum, checked_revision = null,
       held_checksum = excluded.held_checksum, held_since = excluded.held_since,
       held_removals = excluded.held_removals, held_of = excluded.held_of, allowed_checksum = null
     where s.held_checksum is distinct from excluded.held_checksum
     returning 1`,
    [source, checksum, JSON.stringify({ names, count: removals.length }), of],
  );
  return rows.length > 0;
}

/** From now on that revision is in force, for as long as the source wants what it was last seen to want. */
export async function pinSource(
  db: PoolClient,
  source: string,
  pin: { revision: number; by: string; reason: string },
): Promise<void> {
  await query(
    db,
    `insert into sources (source, seen_checksum, pinned_revision, pinned_against, pinned_by, pinned_reason, pinned_at)
     values ($1, '', $2, '', $3, $4, now())
     on conflict (source) do update set pinned_revision = excluded.pinned_revision,
       pinned_against = sources.seen_checksum, pinned_by = excluded.pinned_by,
       pinned_reason = excluded.pinned_reason, pinned_at = excluded.pinned_at,
       held_checksum = null, held_since = null, held_removals = null, held_of = null,
       allowed_checksum = null, checked_revision = null`,
    [source, pin.revision, pin.by, pin.reason],
  );
}

/** A source that was pinned before anybody knew what it wants: from now on that is known. */
export async function adoptPin(db: PoolClient, source: string, checksum: string): Promise<void> {
  await query(db, 'update sources set pinned_against = $2, seen_checksum = $2 where source = $1', [
    source,
    checksum,
  ]);
}

/** Ends a pin; null: there was none. */
export async function unpinSource(db: PoolClient, source: string): Promise<Pin | null> {
  const row = await loadSource(db, source);
  const pin = row?.pin ?? null;
  if (pin === null) return null;
  await query(
    db,
    `update sources set pinned_revision = null, pinned_against = null, pinned_by = null,
       pinned_reason = null, pinned_at = null where source = $1`,
    [source],
  );
  return pin;
}
