import { query, type Db } from './database';

/** Policies that do not act by themselves any more. Times are epoch ms. */

export interface Demotion {
  reason: string;
  demotedAt: number;
}

/** A policy as it is now; an edit of what it says lifts a demotion. */
export interface PolicyAt {
  key: string;
  revision: number;
}

/** The demotion that stands; null: the policy acts by itself. */
export async function loadDemotion(db: Db, { key, revision }: PolicyAt): Promise<Demotion | null> {
  const [row] = await query<Demotion>(
    db,
    `select reason, demoted_at as "demotedAt" from demotions
      where policy = $1 and policy_revision = $2 and promoted_at is null`,
    [key, revision],
  );
  return row ?? null;
}

/** False: it is demoted already. */
export async function insertDemotion(
  db: Db,
  { key, revision }: PolicyAt,
  reason: string,
): Promise<boolean> {
  const rows = await query(
    db,
    `insert into demotions (policy, policy_revision, reason) values ($1, $2, $3)
     on conflict (policy) do update set
       policy_revision = excluded.policy_revision, reason = excluded.reason,
       demoted_at = clock_timestamp(), promoted_at = null, promoted_by = null
     where demotions.promoted_at is not null or demotions.policy_revision < excluded.policy_revision
     returning 1`,
    [key, revision, reason],
  );
  return rows.length > 0;
}

/** Lets the policy act by itself again; false: it was not demoted. */
export async function liftDemotion(db: Db, policy: PolicyAt, by: string): Promise<boolean> {
  const rows = await query(
    db,
    `update demotions set promoted_at = clock_timestamp(), promoted_by = $3
      where policy = $1 and policy_revision = $2 and promoted_at is null returning 1`,
    [policy.key, policy.revision, by],
  );
  return rows.length > 0;
}

/** A demotion of an earlier revision that nobody has closed yet: closes it; false: there is none. */
export async function liftOutdated(db: Db, { key, revision }: PolicyAt): Promise<boolean> {
  const rows = await query(
    db,
    `update demotions set promoted_at = clock_timestamp(), promoted_by = 'revision ' || $2::text
      where policy = $1 and policy_revision < $2::bigint and promoted_at is null returning 1`,
    [key, revision],
  );
  return rows.length > 0;
}
