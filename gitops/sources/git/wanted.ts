/** What is asked of a repository: one branch, tag or commit; else its own HEAD. */
export interface Wanted {
  branch?: string | undefined;
  tag?: string | undefined;
  commit?: string | undefined;
}

/** For people: `branch main`. */
export function describeRef({ branch, tag, commit }: Wanted): string {
  if (branch !== undefined) return `branch ${branch}`;
  if (tag !== undefined) return `tag ${tag}`;
  return commit === undefined ? 'HEAD' : `commit ${commit.slice(0, 12)}`;
}

/** The full name; null: a commit has none. */
export function refName({ branch, tag, commit }: Wanted): string | null {
  if (commit !== undefined) return null;
  if (branch !== undefined) return `refs/heads/${branch}`;
  return tag === undefined ? 'HEAD' : `refs/tags/${tag}`;
}

/** What `ls-remote` said of one ref: the id of what it names; null: there is none. */
export function findRef(listing: string, ref: string): string | null {
  const lines = listing.split('\n').map((line) => line.split('\t'));
  return lines.find(([, name]) => name === ref)?.[0] ?? null;
}

/** Whether a push to that ref may move what is wanted; it may always move an own HEAD. */
export function isMovedBy(wanted: Wanted, pushed: string | null): boolean {
  if (wanted.commit !== undefined) return false;
  const ref = refName(wanted);
  return pushed === null || ref === 'HEAD' || pushed === ref;
}
