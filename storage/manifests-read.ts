import type { ManifestName } from './manifests';
import { query, type Db } from './database';

/** A manifest in force. */
export interface ManifestRow extends ManifestName {
  source: string;
  revision: number;
  file: string | null;
  line: number | null;
  checksum: string;
  /** As its author wrote it. */
  document: unknown;
}

export type ManifestPlace = [kind: string, namespace: string, name: string];

const COLUMNS = 'kind, namespace, name, source, revision, file, line, checksum, document';

/** Manifests in force by kind, namespace and name, after `after`. */
export async function listManifests(
  db: Db,
  filter: { source: string | null; kind: string | null; namespace: string | null },
  page: { after: ManifestPlace | null; limit: number },
): Promise<ManifestRow[]> {
  const [kind, namespace, name] = page.after ?? [null, null, null];
  return query<ManifestRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from manifests
     where ($1::text is null or source = $1) and ($2::text is null or kind = $2)
       and ($3::text is null or namespace = $3)
       and ($4::text is null or (kind, namespace, name) > ($4, $5, $6))
     order by kind, namespace, name limit $7`,
    [filter.source, filter.kind, filter.namespace, kind, namespace, name, page.limit],
  );
}

/** One manifest in force, or null. */
export async function getManifest(db: Db, id: ManifestName): Promise<ManifestRow | null> {
  const rows = await query<ManifestRow & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from manifests where kind = $1 and namespace = $2 and name = $3`,
    [id.kind, id.namespace, id.name],
  );
  return rows[0] ?? null;
}

/** One revision of a manifest; `createdAt` in epoch ms. */
export interface ManifestVersionRow {
  revision: number;
  createdAt: number;
  author: string;
  source: string;
  isDeleted: boolean;
  /** Null: it comes from no commit. */
  commit: string | null;
  /** Of the document; null: deleted. */
  checksum: string | null;
  file: string | null;
  line: number | null;
}

const VERSION = `v.revision, r.created_at as "createdAt", r.author, v.source,
  v.document is null as "isDeleted", r.commit_id as commit, v.checksum, v.file, v.line`;

/** The newest revisions of a manifest, newest first; of a deleted one, too. */
export async function listVersions(
  db: Db,
  id: ManifestName,
  limit: number,
): Promise<ManifestVersionRow[]> {
  return query<ManifestVersionRow & Record<string, unknown>>(
    db,
    `select ${VERSION}
     from manifest_versions v join revisions r using (revision)
     where v.kind = $1 and v.namespace = $2 and v.name = $3 order by v.revision desc limit $4`,
    [id.kind, id.namespace, id.name, limit],
  );
}

/** One revision of a manifest as it was written; `document` null: deleted by it. */
export interface ManifestVersion extends ManifestVersionRow {
  document: unknown;
}

/** What one revision made of a manifest, also of one that is gone; null when it did not touch it. */
export async function getVersion(
  db: Db,
  id: ManifestName,
  revision: number,
): Promise<ManifestVersion | null> {
  const rows = await query<ManifestVersion & Record<string, unknown>>(
    db,
    `select ${VERSION}, v.document
     from manifest_versions v join revisions r using (revision)
     where v.kind = $1 and v.namespace = $2 and v.name = $3 and v.revision = $4`,
    [id.kind, id.namespace, id.name, revision],
  );
  return rows[0] ?? null;
}
