import { query, type Db } from './database';

/** Heard by gitops: read every source again now. */
export const SYNC_CHANNEL = 'vigil_sync';

/**
 * Asks whoever keeps policies in memory to read them again, and gitops to look at its sources; answers
 * what is in force now: the newest revision (0: none yet) and how many policies are in use.
 */
export async function askReload(db: Db): Promise<{ revision: number; policies: number }> {
  const [row] = await query<{ revision: number; policies: number }>(
    db,
    `with now as (
       select coalesce((select max(revision) from revisions), 0)::bigint as revision,
         (select count(*)::int from policies
          where deleted_at is null and not document @> '{"enabled": false}') as policies)
     select revision, policies, pg_notify('vigil_revision', revision::text), pg_notify($1, '') from now`,
    [SYNC_CHANNEL],
  );
  const { revision, policies } = row ?? { revision: 0, policies: 0 };
  return { revision, policies };
}
