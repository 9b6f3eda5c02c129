import type { ManifestName } from './manifest-plan';
import { query, type Db } from './database';

/** One revision; times in epoch ms. The fields of a commit are null where it comes from none. */
export interface RevisionRow {
  revision: number;
  source: string;
  author: string;
  createdAt: number;
  commit: string | null;
  ref: string | null;
  message: string | null;
  authoredAt: number | null;
  signedBy: string | null;
  /** The revision that a rollback brought back. */
  rolledBackTo: number | null;
  reason: string | null;
  written: number;
  deleted: number;
}

const COLUMNS = `r.revision, r.source, r.author, r.created_at as "createdAt", r.commit_id as commit, r.ref,
  r.message, r.authored_at as "authoredAt", r.signed_by as "signedBy",
  r.rolled_back_to as "rolledBackTo", r.reason,
  (select count(*) filter (where v.document is not null)::int from manifest_versions v
   where v.revision = r.revision) as written,
  (select count(*) filter (where v.document is null)::int from manifest_versions v
   where v.revision = r.revision) as deleted`;

/** Newest first, below `before`. */
export async function listRevisions(
  db: Db,
  source: string | null,
  page: { before: number | null; limit: number },
): Promise<RevisionRow[]> {
  return query<RevisionRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from revisions r
     where ($1::text is null or r.source = $1) and ($2::bigint is null or r.revision < $2)
     order by r.revision desc limit $3`,
    [source, page.before, page.limit],
  );
}

export async function getRevision(db: Db, revision: number): Promise<RevisionRow | null> {
  const [row] = await query<RevisionRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from revisions r where r.revision = $1`,
    [revision],
  );
  return row ?? null;
}

/** In no order; those that are not there are left out. */
export async function listRevisionsById(
  db: Db,
  revisions: readonly number[],
): Promise<RevisionRow[]> {
  return query<RevisionRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from revisions r where r.revision = any($1)`,
    [revisions],
  );
}

/** What a revision did to one object. */
export interface RevisionChange extends ManifestName {
  change: 'created' | 'updated' | 'deleted';
  file: string | null;
  line: number | null;
  /** The revision that wrote the object before; null: it was not there. */
  previous: number | null;
}

/** In the order of kind, namespace and name. */
export async function changesOf(
  db: Db,
  revision: number,
  page: { limit: number },
): Promise<RevisionChange[]> {
  return query<RevisionChange & Record<string, unknown>>(
    db,
    `select v.kind, v.namespace, v.name, v.file, v.line, p.revision as previous,
       case when v.document is null then 'deleted' when p.revision is null then 'created'
            else 'updated' end as change
     from manifest_versions v
     left join lateral (select * from manifest_versions o
        where (o.kind, o.namespace, o.name) = (v.kind, v.namespace, v.name) and o.revision < v.revision
        order by o.revision desc limit 1) o on true
     left join lateral (select o.revision where o.document is not null) p on true
     where v.revision = $1 order by v.kind, v.namespace, v.name limit $2`,
    [revision, page.limit],
  );
}

/** An object as it was written. */
export interface PastObject extends ManifestName {
  document: unknown;
  checksum: string;
  file: string | null;
  line: number | null;
}

/** The objects that a source had in force once that revision was made. */
export async function objectsAt(db: Db, source: string, revision: number): Promise<PastObject[]> {
  return query<PastObject & Record<string, unknown>>(
    db,
    `select kind, namespace, name, document, checksum, file, line from (
       select distinct on (kind, namespace, name) * from manifest_versions
       where revision <= $2 order by kind, namespace, name, revision desc) newest
     where source = $1 and document is not null order by kind, namespace, name`,
    [source, revision],
  );
}
