import { Client, type Pool } from 'pg';
import type { Journal, JournalEntry, JournalKey, StepKey } from '../domain/action/journal';
import type { Snapshot, StepResult } from '../domain/action/runtime';
import { query, type Db } from './database';

/** The journal of effects on the control queue, for every worker that polls it. */
export function createDatabaseJournal(pool: Pool): Journal {
  return {
    withTargetLock: (target, options, work) => withTargetLock(pool, target, options, work),
    begin: (key, snapshot) => beginStep(pool, key, snapshot),
    end: (key, result) => endStep(pool, key, result),
    snapshotOf: (key) => snapshotOf(pool, key),
    fence: (target) => fenceOf(pool, target),
  };
}

/**
 * Obeys the fencing token and writes down that the step begins, before anything is done. An attempt
 * that waited long finds its slot gone; one that finds it keeps the reaper away until its own
 * start-to-close has passed.
 */
async function beginStep(db: Db, key: JournalKey, snapshot: Snapshot): Promise<JournalEntry> {
  const obeyed = await query(
    db,
    `with held as (update slots set begun_at = clock_timestamp()
       where action_id = $3 and token = $2 returning token)
     insert into fences (target, token) select $1, token from held
     on conflict (target) do update set token = excluded.token where fences.token <= excluded.token
     returning token`,
    [key.target, key.token, key.actionId],
  );
  if (obeyed.length === 0) return { kind: 'stale', highest: await fenceOf(db, key.target) };
  const inserted = await query(
    db,
    `insert into journal (action_id, step, target, token, snapshot) values ($1, $2, $3, $4, $5)
     on conflict do nothing returning 1`,
    [key.actionId, key.step, key.target, key.token, JSON.stringify(snapshot)],
  );
  if (inserted.length > 0) return { kind: 'fresh' };
  const [row] = await query<{ ended: boolean; result: StepResult | null; snapshot: Snapshot }>(
    db,
    `select ended_at is not null as ended, result, snapshot from journal
      where action_id = $1 and step = $2`,
    [key.actionId, key.step],
  );
  return row?.ended === true
    ? { kind: 'ended', result: row.result }
    : { kind: 'begun', snapshot: row?.snapshot ?? snapshot };
}

async function endStep(db: Db, key: JournalKey, result: StepResult | null): Promise<void> {
  await query(
    db,
    `update journal set ended_at = clock_timestamp(), result = $3 where action_id = $1 and step = $2`,
    [key.actionId, key.step, JSON.stringify(result)],
  );
}

async function snapshotOf(db: Db, { actionId, step }: StepKey): Promise<Snapshot | null> {
  const [row] = await query<{ snapshot: Snapshot }>(
    db,
    'select snapshot from journal where action_id = $1 and step = $2',
    [actionId, step],
  );
  return row?.snapshot ?? null;
}

async function fenceOf(db: Db, target: string): Promise<number> {
  const [row] = await query<{ token: number }>(db, 'select token from fences where target = $1', [
    target,
  ]);
  return row?.token ?? 0;
}

/**
 * When a step ended by the database's clock, epoch ms: as the journal says, or, of a step that a
 * host did, as the audit trail says that it was told. Null when neither does.
 */
export async function stepEnd(db: Db, actionId: string, step: number): Promise<number | null> {
  const [row] = await query<{ ended_at: number | null }>(
    db,
    `select coalesce(
       (select ended_at from journal where action_id = $1 and step = $2),
       (select min(at) from audit_events
         where action_id = $1 and step = $2 and event = 'executed')) as ended_at`,
    [actionId, step],
  );
  return row?.ended_at ?? null;
}

/**
 * Runs `work` under the exclusive lock of a target. The lock lives on a connection of its own, so
 * that it goes when this process dies, and so that many locks leave the pool to the work under them.
 * Throws when it is not had within `waitMs`, or is not wanted any more once it is had.
 */
export async function withTargetLock<T>(
  pool: Pool,
  target: string,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const client = new Client({ ...pool.options });
  // Whoever uses a connection that was lost hears of it from its next query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`set lock_timeout = ${Math.ceil(waitMs)}`);
    await client.query('select pg_advisory_lock(hashtextextended($1, 7846104))', [target]);
    signal?.throwIfAborted();
    return await work();
  } finally {
    // Ending the connection releases the lock whatever state it is in.
    client.end().catch(() => undefined);
  }
}
