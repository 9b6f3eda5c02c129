import type { PolicyRevision } from '../domain/policy/policy';
import type { Resource } from '../domain/resource';
import { query, type Db } from './database';

/** The newest revision of the manifests; 0 before the first. */
export async function loadNewestRevision(db: Db): Promise<number> {
  const [row] = await query<{ revision: number | null }>(
    db,
    'select max(revision) as revision from revisions',
  );
  return row?.revision ?? 0;
}

/** Every policy in force that is not disabled. */
export async function loadAllPolicies(db: Db): Promise<PolicyRevision[]> {
  return query<PolicyRevision & Record<string, unknown>>(
    db,
    `select document as policy, revision, created_revision as "createdRevision"
     from policies where deleted_at is null and not document @> '{"enabled": false}'`,
  );
}

/** Every resource with a manifest. */
export async function loadManaged(db: Db): Promise<Resource[]> {
  return query<Resource & Record<string, unknown>>(
    db,
    `select resource as key, namespace, name, service, host, labels, spec, revision,
       created_revision as "createdRevision"
     from resources where deleted_at is null`,
  );
}

/** Keys of resources whose manifest is gone: their samples do not bring them back. */
export async function loadRetired(db: Db): Promise<string[]> {
  const rows = await query<{ resource: string }>(
    db,
    'select resource from resources where deleted_at is not null',
  );
  return rows.map((row) => row.resource);
}

export interface SeriesRow {
  seriesId: number;
  name: string;
  tags: Record<string, string>;
  owner: string | null;
  member: string | null;
}

const SERIES = 'select series_id as "seriesId", name, tags, owner, member from series';

/** Every series of these metrics that belongs to a resource. */
export async function loadSeriesOf(db: Db, metrics: readonly string[]): Promise<SeriesRow[]> {
  return query<SeriesRow & Record<string, unknown>>(
    db,
    `${SERIES} where name = any($1) and owner is not null`,
    [metrics],
  );
}

/** The series with these ids. */
export async function loadSeriesById(db: Db, ids: readonly number[]): Promise<SeriesRow[]> {
  return query<SeriesRow & Record<string, unknown>>(db, `${SERIES} where series_id = any($1)`, [
    ids,
  ]);
}
