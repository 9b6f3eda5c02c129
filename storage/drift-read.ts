import { query, type Db } from './database';

/** One difference between desired and observed; times in epoch ms. */
export interface DriftRow {
  id: number;
  resource: string;
  pointer: string;
  kind: 'missing' | 'extra' | 'changed' | 'version';
  desired: unknown;
  observed: unknown;
  revision: number;
  onset: number;
  resolvedAt: number | null;
}

/** Drift, newest first, with an id below `before`; `isResolved` null: both. */
export async function listDrift(
  db: Db,
  filter: { resource: string | null; isResolved: boolean | null },
  page: { before: number | null; limit: number },
): Promise<DriftRow[]> {
  return query<DriftRow>(
    db,
    `select id, resource, pointer, kind, desired, observed, revision, onset, resolved_at as "resolvedAt"
     from drift_events
     where ($1::text is null or resource = $1)
       and ($2::boolean is null or (resolved_at is not null) = $2)
       and ($3::bigint is null or id < $3)
     order by id desc limit $4`,
    [filter.resource, filter.isResolved, page.before, page.limit],
  );
}
