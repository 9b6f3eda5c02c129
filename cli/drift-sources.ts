import type { Command } from 'commander';
import { Anything, listOf } from './answers';
import type { ApiClient } from './client';
import { CliFailure, usageError } from './failure';
import { clock, resourcePath, table, talksToApi } from './output';
import { RevisionRow, RolledBack, SourceRow, VersionDiff, VersionRow } from './revision-answers';

/** The commands on what git says: its history, going back in it, and what waits for a person. */
export function registerSources(drift: Command): void {
  registerLists(drift);
  registerHistory(drift);
  registerRollback(drift);
  registerAllowPrune(drift);
  talksToApi(
    drift
      .command('release')
      .description('end a pin: what the source says is in force again')
      .argument('[source]', 'default: the only one that is pinned'),
    async ({ api, args: [given], show }) => {
      const is = ({ pinned }: SourceRow): boolean => pinned !== null;
      const source = given ?? (await onlySource(api, { what: 'is pinned', is })).source;
      const path = `/sources/${encodeURIComponent(source)}/release`;
      const answer = await api.send({ method: 'POST', path, json: {} }, Anything);
      show(answer, () => [`${source} is no longer pinned; what it says is applied in a moment`]);
    },
  );
}

function registerAllowPrune(drift: Command): void {
  talksToApi(
    drift
      .command('allow-prune')
      .description('let a held revision remove what it removes; only that one, and once')
      .argument('[source]', 'default: the only one that is held')
      .option('--checksum <start>', 'only if it is this one, as `drift sources` shows it')
      .option('--reason <text>', 'for the audit'),
    async ({ api, args: [given], options, show }) => {
      const { source, held } = await heldSource(api, given);
      const wanted = options.text('checksum') ?? '';
      if (held !== null && !held.checksum.startsWith(wanted))
        throw new CliFailure(`${source} moved on: ${heldText(held)}`);
      const path = `/sources/${encodeURIComponent(source)}/allow-prune`;
      const json = { reason: options.text('reason'), checksum: held?.checksum };
      const answer = await api.send({ method: 'POST', path, json }, Anything);
      show(answer, () => [
        `${source} may remove ${held?.count ?? 0} of ${held?.of ?? 0} objects, in a moment:`,
        ...namesOf(held),
      ]);
    },
  );
}

/** What is named is asked for even if nothing is held there: the API says what is. */
async function heldSource(
  api: ApiClient,
  given: string | undefined,
): Promise<Pick<SourceRow, 'source' | 'held'>> {
  if (given === undefined) {
    return onlySource(api, { what: 'is held', is: ({ held }) => held !== null });
  }
  const { items } = await api.get('/sources', listOf(SourceRow));
  return items.find(({ source }) => source === given) ?? { source: given, held: null };
}

function namesOf(held: SourceRow['held']): string[] {
  if (held === null) return [];
  const more = held.count - held.removals.length;
  return [...held.removals, ...(more > 0 ? [`and ${more} more`] : [])].map((name) => `  ${name}`);
}

function registerLists(drift: Command): void {
  talksToApi(
    drift.command('sources').description('where manifests come from, what is held and pinned'),
    async ({ api, show }) => {
      const answer = await api.get('/sources', listOf(SourceRow));
      show(answer, () => renderSources(answer.items));
    },
  );
  talksToApi(
    drift
      .command('revisions')
      .description('revisions of the desired state, newest first')
      .option('--source <source>', 'only of this source')
      .option('--limit <n>', 'how many', '20'),
    async ({ api, options, show }) => {
      const answer = await api.get('/revisions', listOf(RevisionRow), {
        source: options.text('source'),
        limit: options.text('limit'),
      });
      show(answer, () => renderRevisions(answer.items));
    },
  );
}

function registerHistory(drift: Command): void {
  talksToApi(
    drift
      .command('versions')
      .description('every version of a manifest, newest first; of a deleted one, too')
      .argument('<kind>', 'Service, Policy, …')
      .argument('<name>', 'name, or namespace/name'),
    async ({ api, args: [kind = '', name = ''], show }) => {
      const path = `/manifests/${encodeURIComponent(kind)}/${resourcePath(name)}/versions`;
      const answer = await api.get(path, listOf(VersionRow));
      show(answer, () => renderVersions(answer.items));
    },
  );
  talksToApi(
    drift
      .command('diff')
      .description('how two versions of a manifest differ')
      .argument('<kind>', 'Service, Policy, …')
      .argument('<name>', 'name, or namespace/name')
      .argument('<from>', 'revision, as `drift versions` lists it')
      .argument('<to>', 'revision'),
    async ({ api, args: [kind = '', name = '', from = '', to = ''], show }) => {
      const path = `/manifests/${encodeURIComponent(kind)}/${resourcePath(name)}/diff`;
      const between = { from: String(revisionOf(from)), to: String(revisionOf(to)) };
      const answer = await api.get(path, VersionDiff, between);
      show(answer, () => renderDiff(answer));
    },
  );
}

function registerRollback(drift: Command): void {
  talksToApi(
    drift
      .command('rollback')
      .description(
        'bring back an earlier revision of a source, and pin it until the source moves on',
      )
      .argument('<revision>', 'as `drift revisions` lists it')
      .option('--source <source>', 'default: the source that made that revision')
      .requiredOption('--reason <text>', 'for the audit, and for whoever finds it pinned')
      .option('--dry-run', 'say what it would change, and change nothing'),
    async ({ api, args: [given = ''], options, show }) => {
      const revision = revisionOf(given);
      const source =
        options.text('source') ?? (await api.get(`/revisions/${revision}`, RevisionRow)).source;
      const isDry = options.flag('dryRun');
      const path = `/sources/${encodeURIComponent(source)}/rollback?dryRun=${isDry}`;
      const json = { revision, reason: options.text('reason') };
      const answer = await api.send({ method: 'POST', path, json }, RolledBack);
      show(answer, () => renderRollback(answer, { source, revision, isDry }));
    },
  );
}

function revisionOf(given: string): number {
  const revision = Number(given);
  if (Number.isInteger(revision) && revision >= 1) return revision;
  throw usageError(`"${given}" is no number of a revision; see: vigil drift revisions`);
}

function renderRollback(
  { changed }: RolledBack,
  { source, revision, isDry }: { source: string; revision: number; isDry: boolean },
): string[] {
  const changes = changed.map((c) => `  ${c.change} ${c.kind} ${c.namespace}/${c.name}`);
  const count = `${changes.length} object${changes.length === 1 ? '' : 's'}`;
  const colon = changes.length === 0 ? '' : ':';
  if (isDry)
    return [`back to revision ${revision} would change ${count} of ${source}${colon}`, ...changes];
  // What came through the API is put back by nobody, so it is not pinned.
  const until =
    source === 'api' ? [] : [`pinned until ${source} moves on, or: vigil drift release ${source}`];
  return [
    `${source} is as at revision ${revision}; ${count} changed${colon}`,
    ...changes,
    ...until,
  ];
}

/** The only source for which it is so. */
async function onlySource(
  api: ApiClient,
  { what, is }: { what: string; is: (row: SourceRow) => boolean },
): Promise<SourceRow> {
  const { items } = await api.get('/sources', listOf(SourceRow));
  const found = items.filter(is);
  const [only] = found;
  if (only === undefined) throw new CliFailure(`no source ${what}`);
  if (found.length === 1) return only;
  const names = found.map(({ source }) => source).join(', ');
  throw usageError(`more than one source ${what}; name one: ${names}`);
}

export function renderSources(rows: readonly SourceRow[]): string[] {
  const cells = rows.map((row) => [
    row.source,
    row.revision === null ? '-' : String(row.revision),
    row.commit?.slice(0, SHORT) ?? '-',
    clock(row.appliedAt),
    String(row.objects),
    stateOf(row),
  ]);
  const header = ['SOURCE', 'REVISION', 'COMMIT', 'APPLIED (UTC)', 'OBJECTS', 'STATE'];
  return [...table(header, cells, 'no source yet'), ...rows.flatMap(problemsOf)];
}

function stateOf({ held, pinned, error }: SourceRow): string {
  const parts = [
    pinned && `pinned to ${pinned.revision} by ${pinned.by}: ${pinned.reason}`,
    held && heldText(held),
    error && `not in force as it is now: ${error.message}`,
  ].filter((part) => part);
  return parts.length === 0 ? 'in force' : parts.join('; ');
}

/** Below the table: a problem has its place, and is longer than a column. */
function problemsOf({ error }: SourceRow): string[] {
  return (error?.problems ?? []).map((problem) => `  ${problem}`);
}

/** How much of a checksum is shown. */
const SHORT = 8;

function heldText({ count, of, checksum }: NonNullable<SourceRow['held']>): string {
  return `held: would remove ${count} of ${of} objects (${checksum.slice(0, SHORT)})`;
}

export function renderRevisions(rows: readonly RevisionRow[]): string[] {
  const cells = rows.map((row) => [
    String(row.revision),
    clock(row.createdAt),
    row.source,
    `+${row.written} -${row.deleted}`,
    row.commit?.slice(0, SHORT) ?? '-',
    row.author,
    row.rolledBackTo === null
      ? [row.message, row.reason].filter((part) => part !== null).join(': ')
      : `back to ${row.rolledBackTo}: ${row.reason ?? ''}`,
  ]);
  const header = ['REVISION', 'MADE (UTC)', 'SOURCE', 'OBJECTS', 'COMMIT', 'AUTHOR', 'MESSAGE'];
  return table(header, cells, 'no revision yet');
}

export function renderVersions(rows: readonly VersionRow[]): string[] {
  const cells = rows.map((row) => [
    String(row.revision),
    clock(row.createdAt),
    row.source,
    row.commit?.slice(0, SHORT) ?? '-',
    row.checksum?.slice(0, SHORT) ?? 'deleted',
    row.author,
    row.file === null || row.file === '' ? '-' : `${row.file}:${row.line ?? 1}`,
  ]);
  const header = ['REVISION', 'MADE (UTC)', 'SOURCE', 'COMMIT', 'CHECKSUM', 'AUTHOR', 'PLACE'];
  return table(header, cells, 'no version yet');
}

export function renderDiff({ changes }: VersionDiff): string[] {
  if (changes.length === 0) return ['they do not differ'];
  return changes.flatMap(({ op, path, from, to }) => [
    `${path === '' ? '/' : path} (${op})`,
    ...(op === 'add' ? [] : [`  - ${JSON.stringify(from)}`]),
    ...(op === 'remove' ? [] : [`  + ${JSON.stringify(to)}`]),
  ]);
}
