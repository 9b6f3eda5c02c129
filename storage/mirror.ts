import type { ServiceSpec } from '../domain/resource';
import { query, type Db } from './database';

/** Reads for what is mirrored to Redis. */

/** Every resource that has or had a manifest; `spec` null: its manifest is gone. */
export async function loadDesired(
  db: Db,
): Promise<{ resource: string; revision: number; spec: ServiceSpec | null }[]> {
  return query<{ resource: string; revision: number; spec: ServiceSpec | null }>(
    db,
    `select resource, revision, case when deleted_at is null then spec end as spec from resources`,
  );
}

export interface LockRow {
  target: string;
  /** Null: nobody holds it. */
  actionId: string | null;
  token: number | null;
  /** Epoch ms. */
  grantedAt: number | null;
}

/** Who holds the slot of every resource; `targets` null: of all. */
export async function loadLocks(db: Db, targets: readonly string[] | null): Promise<LockRow[]> {
  return query<LockRow & Record<string, unknown>>(
    db,
    `select t.target, s.action_id as "actionId", s.token, s.granted_at as "grantedAt"
     from (select unnest($1::text[]) as target
           union select resource from resources where $1::text[] is null
           union select target from slots where $1::text[] is null) t
     left join slots s on s.target = t.target`,
    [targets],
  );
}
