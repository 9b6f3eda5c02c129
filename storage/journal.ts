import { Client, type Pool } from 'pg';
import type { Snapshot, StepResult } from '../domain/action/runtime';
import { query, type Db } from './database';

/** The journal of effects on the control queue: what was begun and what ended, by (action, step). */

export interface JournalKey {
  actionId: string;
  step: number;
  target: string;
  token: number;
}

export type JournalEntry =
  /** Its slot is not held any more, or a higher token was obeyed on this target: the caller must not act. */
  | { kind: 'stale'; highest: number }
  | { kind: 'fresh' }
  | { kind: 'begun'; snapshot: Snapshot }
  | { kind: 'ended'; result: StepResult };

/**
 * Obeys the fencing token and writes down that the step begins, before anything is done. An attempt
 * that waited long finds its slot gone; one that finds it keeps the reaper away until its own
 * start-to-close has passed.
 */
export async function beginStep(
  db: Db,
  key: JournalKey,
  snapshot: Snapshot,
): Promise<JournalEntry> {
  const obeyed = await query(
    db,
    `with held as (update slots set begun_at = clock_timestamp()
       where action_id = $3 and token = $2 returning token)
     insert into fences (target, token) select $1, token from held
     on conflict (target) do update set token = excluded.token where fences.token <= excluded.token
     returning token`,
    [key.target, key.token, key.actionId],
  );
  if (obeyed.length === 0) {
    const [fence] = await query<{ token: number }>(
      db,
      'select token from fences where target = $1',
      [key.target],
    );
    return { kind: 'stale', highest: fence?.token ?? 0 };
  }
  const inserted = await query(
    db,
    `insert into journal (action_id, step, target, token, snapshot) values ($1, $2, $3, $4, $5)
     on conflict do nothing returning 1`,
    [key.actionId, key.step, key.target, key.token, JSON.stringify(snapshot)],
  );
  if (inserted.length > 0) return { kind: 'fresh' };
  const [row] = await query<{ result: StepResult | null; snapshot: Snapshot }>(
    db,
    'select result, snapshot from journal where action_id = $1 and step = $2',
    [key.actionId, key.step],
  );
  const result = row?.result ?? null;
  return result === null
    ? { kind: 'begun', snapshot: row?.snapshot ?? snapshot }
    : { kind: 'ended', result };
}

/** Writes down the result; from now on the step is never done again. */
export async function endStep(db: Db, key: JournalKey, result: StepResult): Promise<void> {
  await query(
    db,
    `update journal set ended_at = clock_timestamp(), result = $3 where action_id = $1 and step = $2`,
    [key.actionId, key.step, JSON.stringify(result)],
  );
}

/** When a step ended by the database's clock, epoch ms; null when the journal does not say. */
export async function stepEnd(db: Db, actionId: string, step: number): Promise<number | null> {
  const [row] = await query<{ ended_at: number | null }>(
    db,
    'select ended_at from journal where action_id = $1 and step = $2',
    [actionId, step],
  );
  return row?.ended_at ?? null;
}

/**
 * Runs `work` under the exclusive lock of a target. The lock lives on a connection of its own, so
 * that it goes when this process dies, and so that many locks leave the pool to the work under them.
 * Throws when it is not had within `waitMs`.
 */
export async function withTargetLock<T>(
  pool: Pool,
  target: string,
  options: { waitMs: number },
  work: () => Promise<T>,
): Promise<T> {
  const client = new Client({ ...pool.options });
  // Whoever uses a connection that was lost hears of it from its next query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`set lock_timeout = ${Math.ceil(options.waitMs)}`);
    await client.query('select pg_advisory_lock(hashtextextended($1, 7846104))', [target]);
    return await work();
  } finally {
    // Ending the connection releases the lock whatever state it is in.
    client.end().catch(() => undefined);
  }
}
