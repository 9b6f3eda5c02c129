import type { Attribution } from '../../domain/drift/change';
import type { Attributions } from '../../domain/drift/compare';
import type { ResourceKey } from '../../domain/resource';
import type { Db } from '../../storage/database';
import { COMPILED_ANEW } from '../../storage/recompile';
import { listRevisionsById, type RevisionRow } from '../../storage/revisions-read';
import { loadChanged, type ChangedFacts } from '../../storage/states';
import type { Hints } from './hints';

const SHORT_COMMIT = 12;

/**
 * Tells the hints who changed what the manifests of these resources want, as far as nobody has
 * compared it yet: what differs from it at the next look was right before.
 */
export async function hintAtRevisions(
  db: Db,
  hints: Hints,
  resources: readonly { resource: ResourceKey }[],
): Promise<void> {
  const keys = resources.map(({ resource }) => resource);
  const blamed = await blameRevisions(db, await loadChanged(db, keys));
  for (const [resource, by] of blamed) {
    for (const attribution of new Set(Object.values(by)))
      hints.tell(resource, { covers: (pointer) => by[pointer] === attribution, attribution });
  }
}

/** By resource and pointer, who changed what is desired of it. */
export async function blameRevisions(
  db: Db,
  all: readonly { resource: ResourceKey; changed: ChangedFacts }[],
): Promise<Map<ResourceKey, Attributions>> {
  const ids = new Set(all.flatMap(({ changed }) => Object.values(changed)));
  const rows = ids.size === 0 ? [] : await listRevisionsById(db, [...ids]);
  const revisions = new Map(rows.map((row) => [row.revision, attributionOf(row)]));
  return new Map(
    all.map(({ resource, changed }) => {
      const known = Object.entries(changed).flatMap(([pointer, revision]) => {
        const attribution = revisions.get(revision);
        return attribution === undefined ? [] : [[pointer, attribution] as const];
      });
      return [resource, Object.fromEntries(known)];
    }),
  );
}

/** Since it is in force, whenever it was written: `… in commit 4be1c2d3a5f6: bigger limits`, or `… in revision 12 of api`. */
function attributionOf(row: RevisionRow): Attribution {
  if (row.reason === COMPILED_ANEW) return ofUpgrade(row);
  const { commit, message, author, revision, source } = row;
  const subject = (message ?? '').split('\n', 1)[0] ?? '';
  const what =
    commit === null
      ? `the manifest changed in revision ${revision} of ${source}`
      : `the manifest changed in commit ${commit.slice(0, SHORT_COMMIT)}${subject === '' ? '' : `: ${subject}`}`;
  return { from: 'git', by: author, at: row.createdAt, what };
}

/** Whoever wrote the manifest has not changed it. */
function ofUpgrade({ createdAt, revision }: RevisionRow): Attribution {
  const what = `another version of Vigil compiled the manifest anew in revision ${revision}`;
  return { from: 'git', by: null, at: createdAt, what };
}
