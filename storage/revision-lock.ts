import { query, type Db } from './database';

const LOCK = 7_846_140;

/** Until the transaction ends, nobody else makes a revision or writes what depends on the present one. */
export async function lockRevisions(db: Db): Promise<void> {
  await query(db, 'select pg_advisory_xact_lock($1)', [LOCK]);
}

/** Until the transaction ends, nobody makes a revision; others may hold this lock too. */
export async function holdRevisions(db: Db): Promise<void> {
  await query(db, 'select pg_advisory_xact_lock_shared($1)', [LOCK]);
}
