import type { Pool } from 'pg';
import { inTransaction, query } from './database';

const DAY_MS = 86_400_000;
const LOCK = 7_846_103;
/** A partition is kept this much longer, so that a sample on its way in still finds it. */
const SLACK_MS = 3_600_000;

export interface Partitions {
  /** Makes sure that each UTC day named by the timestamps (epoch ms) has its partition. */
  ensure(timestamps: readonly number[]): Promise<void>;
  /** Asks the database again next time: a partition was dropped behind our back. */
  forget(): void;
}

/** Partitions of `samples`, one per UTC day, made on demand; safe when several processes do so. */
export function createPartitions(pool: Pool): Partitions {
  const present = new Set<number>();
  return {
    async ensure(timestamps) {
      const missing = new Set<number>();
      for (const ts of timestamps) {
        const day = Math.floor(ts / DAY_MS);
        if (!present.has(day)) missing.add(day);
      }
      for (const day of missing) {
        await createPartition(pool, day);
        present.add(day);
      }
    },
    forget() {
      present.clear();
    },
  };
}

/** `samples_20260131`. */
function partitionName(day: number): string {
  return `samples_${isoDay(day).replaceAll('-', '')}`;
}

function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

async function createPartition(pool: Pool, day: number): Promise<void> {
  const name = partitionName(day);
  await inTransaction(pool, async (db) => {
    await db.query('select pg_advisory_xact_lock($1)', [LOCK]);
    const found = await query(db, 'select 1 where to_regclass($1) is not null', [name]);
    if (found.length > 0) return;
    // Attaching locks out nobody who reads or writes samples; `create … partition of` would.
    await db.query(`create table ${name} (like samples including defaults including indexes)`);
    await db.query(
      `alter table samples attach partition ${name}
       for values from ('${isoDay(day)}T00:00:00Z') to ('${isoDay(day + 1)}T00:00:00Z')`,
    );
  });
}

/** Drops the days that lie wholly before `now - retentionMs`; returns their names. */
export async function dropOldPartitions(
  pool: Pool,
  now: number,
  retentionMs: number,
): Promise<string[]> {
  const firstKept = partitionName(Math.floor((now - retentionMs - SLACK_MS) / DAY_MS));
  const old = await query<{ name: string }>(
    pool,
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'samples'::regclass and c.relname ~ '^samples_[0-9]{8}$' and c.relname < $1
     order by 1`,
    [firstKept],
  );
  for (const { name } of old) {
    await inTransaction(pool, async (db) => {
      // Dropping locks the whole table: give up quickly rather than queue everyone behind a long query.
      await db.query(`set local lock_timeout = '2s'`);
      await db.query(`drop table if exists ${name}`);
    });
  }
  return old.map(({ name }) => name);
}
