import type { Pool, PoolClient } from 'pg';
import { GENESIS, type ChainLink } from '../domain/audit-chain';
import { insertAudit } from './audit';
import { inTransaction, query, type Db } from './database';

const LOCK = 7_846_131;

/** A link up to which the rows of a chain were dropped. */
export interface Checkpoint extends ChainLink {
  actor: string;
  /** Epoch ms. */
  at: number;
}

/** What the first row that is still there follows: the newest checkpoint, or the beginning. */
export async function chainStart(db: Db, namespace: string): Promise<ChainLink> {
  return (await newestCheckpoint(db, namespace)) ?? GENESIS;
}

/** Whether the chain itself says of its newest checkpoint; one that it does not was put there by somebody else. */
export async function isCheckpointTold(db: Db, namespace: string): Promise<boolean> {
  const checkpoint = await newestCheckpoint(db, namespace);
  if (checkpoint === null) return true;
  const told = await query(
    db,
    `select 1 from audit_events where namespace = $1 and event = 'checkpointed'
        and details ->> 'hash' = $2 and (details ->> 'number')::bigint = $3 limit 1`,
    [namespace, checkpoint.hash, checkpoint.number],
  );
  return told.length > 0;
}

export async function newestCheckpoint(db: Db, namespace: string): Promise<Checkpoint | null> {
  const [row] = await query<Checkpoint & Record<string, unknown>>(
    db,
    `select number, hash, actor, at from audit_checkpoints where namespace = $1
      order by number desc limit 1`,
    [namespace],
  );
  return row ?? null;
}

/** Every namespace that has sealed rows. */
export async function listChains(db: Db): Promise<string[]> {
  const rows = await query<{ namespace: string }>(
    db,
    'select distinct namespace from audit_seals order by 1',
  );
  return rows.map(({ namespace }) => namespace);
}

/**
 * Drops a chain's sealed rows older than `before` (epoch ms) and writes a checkpoint: the link that
 * the first remaining row follows, said in the chain itself as well. The newest row always stays.
 * Returns how many rows went, and the checkpoint; null when there was nothing to drop.
 */
export async function pruneChain(
  pool: Pool,
  { namespace, before, actor }: { namespace: string; before: number; actor: string },
): Promise<{ dropped: number; checkpoint: ChainLink } | null> {
  return inTransaction(pool, async (db) => {
    await query(db, 'select pg_advisory_xact_lock($1)', [LOCK]);
    const link = await lastBefore(db, namespace, before);
    if (link === null) return null;
    await query(
      db,
      `insert into audit_checkpoints (namespace, number, hash, actor) values ($1, $2, $3, $4)`,
      [namespace, link.number, link.hash, actor],
    );
    const dropped = await query<{ id: number }>(
      db,
      `with gone as (delete from audit_seals where namespace = $1 and number <= $2 returning event_id)
       select event_id as id from gone`,
      [namespace, link.number],
    );
    await query(db, 'delete from audit_events where id = any($1)', [dropped.map(({ id }) => id)]);
    await insertAudit(db, [
      {
        ...{ namespace, resource: null, policy: null, actionId: null, step: -1 },
        event: 'checkpointed',
        ...{ actor, door: 'api', correlationId: null, policyRevision: null },
        details: { ...link, dropped: dropped.length, before: new Date(before).toISOString() },
      },
    ]);
    return { dropped: dropped.length, checkpoint: link };
  });
}

/** The last link of the unbroken run of old rows, the chain's newest row left out. */
async function lastBefore(
  db: PoolClient,
  namespace: string,
  before: number,
): Promise<ChainLink | null> {
  const [link] = await query<ChainLink & Record<string, unknown>>(
    db,
    `select s.number, s.hash from audit_seals s
      where s.namespace = $1
        and s.number < least(
          (select max(number) from audit_seals where namespace = $1),
          (select min(y.number) from audit_seals y join audit_events e on e.id = y.event_id
            where y.namespace = $1 and e.at >= to_timestamp($2::float8 / 1000)))
      order by s.number desc limit 1`,
    [namespace, before],
  );
  return link ?? null;
}
