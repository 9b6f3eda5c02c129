import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Attribution } from '../../domain/drift/change';
import { isSame } from '../../domain/drift/diff';
import { desiredFacts } from '../../domain/drift/normalise';
import type { ResourceKey, ServiceSpec } from '../../domain/resource';
import { COMPILED_ANEW } from '../../storage/recompile';
import { listRevisionsById, type RevisionRow } from '../../storage/revisions-read';
import type { ObservedResource } from '../../storage/states';
import type { Hints } from './hints';

const SHORT_COMMIT = 12;

/**
 * Tells the hints who changed what a manifest wants: what differs from it now was right before.
 * @param known the resource as it was; undefined: never seen
 */
export async function hintAtRevisions(
  pool: Pool,
  hints: Hints,
  {
    known,
    found,
  }: {
    known: (resource: ResourceKey) => ObservedResource | undefined;
    found: readonly ObservedResource[];
  },
): Promise<void> {
  const changed = found.flatMap((resource) => {
    const before = known(resource.resource);
    if (before === undefined || before.revision === resource.revision) return [];
    return [{ resource, pointers: changedPointers(before.spec, resource.spec) }];
  });
  if (changed.length === 0) return;
  const ids = [...new Set(changed.map(({ resource }) => resource.revision))];
  const rows = await listRevisionsById(pool, ids);
  const revisions = new Map(rows.map((row) => [row.revision, row]));
  for (const { resource, pointers } of changed) {
    const revision = revisions.get(resource.revision);
    if (revision === undefined || pointers.size === 0) continue;
    const covers = (pointer: string): boolean => pointers.has(pointer);
    hints.tell(resource.resource, { covers, attribution: attributionOf(revision) });
  }
}

function changedPointers(before: ServiceSpec, after: ServiceSpec): Set<string> {
  const [old, young] = [desiredFacts(before, sha256).values, desiredFacts(after, sha256).values];
  const pointers = [...new Set([...old.keys(), ...young.keys()])];
  return new Set(
    pointers.filter((one) => !isSame(one, old.get(one) ?? null, young.get(one) ?? null)),
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

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
