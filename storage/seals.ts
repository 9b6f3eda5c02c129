import type { Pool } from 'pg';
import {
  GENESIS,
  sealHash,
  type ChainLink,
  type SealedContent,
  type SealedRow,
} from '../domain/audit-chain';
import { sha256 } from '../platform/sha256';
import { inTransaction, query, type Db } from './database';

/**
 * Seals number and hash-chain the audit rows of each namespace. Audit ids become visible out of
 * order, so the order of sealing, not the id, is the order of the chain.
 */

const LOCK = 7_846_130;

const CONTENT = `e.id, e.namespace, e.resource, e.policy, e.action_id as "actionId", e.step, e.event, e.actor,
  e.door, e.correlation_id as "correlationId", e.policy_revision as "policyRevision", e.inputs_hash as "inputsHash", e.details,
  to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`;

/**
 * Seals up to `limit` waiting rows, lowest id first, in one transaction, and announces them on
 * `vigil_sealed`. Returns how many; 0 also while another process is sealing.
 */
export async function sealBatch(pool: Pool, limit: number): Promise<number> {
  // Most wake-ups of an idle system end here, without a transaction.
  const waiting = await query(pool, 'select 1 from audit_unsealed limit 1');
  if (waiting.length === 0) return 0;
  return inTransaction(pool, async (db) => {
    const [lock] = await query<{ held: boolean }>(
      db,
      'select pg_try_advisory_xact_lock($1) as held',
      [LOCK],
    );
    if (lock?.held !== true) return 0;
    const rows = await query<SealedContent>(
      db,
      `with taken as (
         delete from audit_unsealed
         where event_id in (select event_id from audit_unsealed order by event_id limit $1)
         returning event_id)
       select ${CONTENT} from audit_events e join taken on taken.event_id = e.id order by e.id`,
      [limit],
    );
    if (rows.length > 0) await insertSeals(db, chain(rows, await lastLinks(db, rows)));
    return rows.length;
  });
}

/** The rows with their numbers and hashes; `last` is where each namespace's chain ends and moves on. */
function chain(rows: readonly SealedContent[], last: Map<string, ChainLink>): SealedRow[] {
  return rows.map((row) => {
    const before = last.get(row.namespace) ?? GENESIS;
    const link = { number: before.number + 1, hash: sealHash(before.hash, row, sha256) };
    last.set(row.namespace, link);
    return { ...row, ...link, previousHash: before.hash };
  });
}

async function lastLinks(db: Db, rows: readonly SealedContent[]): Promise<Map<string, ChainLink>> {
  const links = await query<ChainLink & { namespace: string }>(
    db,
    `select n.namespace, s.number, s.hash from unnest($1::text[]) as n (namespace)
     cross join lateral (select number, hash from audit_seals
       where audit_seals.namespace = n.namespace order by number desc limit 1) s`,
    [[...new Set(rows.map((row) => row.namespace))]],
  );
  return new Map(links.map(({ namespace, number, hash }) => [namespace, { number, hash }]));
}

async function insertSeals(db: Db, rows: readonly SealedRow[]): Promise<void> {
  await query(
    db,
    `insert into audit_seals (seal, event_id, namespace, number, previous_hash, hash)
     select coalesce((select max(seal) from audit_seals), 0) + t.place, t.id, t.namespace, t.number, t.previous, t.hash
     from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[])
       with ordinality as t (id, namespace, number, previous, hash, place)`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.namespace),
      rows.map((row) => row.number),
      rows.map((row) => row.previousHash),
      rows.map((row) => row.hash),
    ],
  );
  await query(db, `select pg_notify('vigil_sealed', '')`);
}

/** Sealed rows of one namespace with a number above `after`, in chain order. */
export async function loadChain(
  db: Db,
  namespace: string,
  { after, limit }: { after: number; limit: number },
): Promise<SealedRow[]> {
  return query<SealedRow>(
    db,
    `select ${CONTENT}, s.number, s.previous_hash as "previousHash", s.hash
     from audit_seals s join audit_events e on e.id = s.event_id
     where s.namespace = $1 and s.number > $2 order by s.number limit $3`,
    [namespace, after, limit],
  );
}

/** The newest seal over all namespaces; 0 when nothing is sealed. */
export async function newestSeal(db: Db): Promise<number> {
  const [row] = await query<{ seal: number }>(
    db,
    'select coalesce(max(seal), 0) as seal from audit_seals',
  );
  return row?.seal ?? 0;
}
