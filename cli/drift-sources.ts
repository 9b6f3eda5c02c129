import type { Command } from 'commander';
import { RevisionRow, RolledBack, SourceRow, VersionDiff, listOf, Anything } from './answers';
import type { ApiClient } from './client';
import { usageError } from './failure';
import { placeOf } from './manifest-file';
import { clock, table, talksToApi } from './output';

/** The commands on what git says: its history, going back in it, and what waits for a person. */
export function registerSources(drift: Command): void {
  registerLists(drift);
  registerRollback(drift);
  talksToApi(
    drift
      .command('allow-prune')
      .description('let a held revision remove what it removes; only that one, and once')
      .argument('[source]', 'default: the only one that waits')
      .option('--reason <text>', 'for the audit'),
    async ({ api, args: [given], options, show }) => {
      const source = await sourceFor(api, given, {
        what: 'waits',
        is: ({ held }) => held !== null,
      });
      const path = `/sources/${encodeURIComponent(source)}/allow-prune`;
      const json = { reason: options.text('reason') };
      const answer = await api.send({ method: 'POST', path, json }, Anything);
      show(answer, () => [`${source} may remove them; it is applied within moments`]);
    },
  );
  talksToApi(
    drift
      .command('release')
      .description('end a pin: what the source says is in force again')
      .argument('[source]', 'default: the only one that is pinned'),
    async ({ api, args: [given], show }) => {
      const is = ({ pinned }: SourceRow): boolean => pinned !== null;
      const source = await sourceFor(api, given, { what: 'is pinned', is });
      const path = `/sources/${encodeURIComponent(source)}/release`;
      const answer = await api.send({ method: 'POST', path, json: {} }, Anything);
      show(answer, () => [`${source} is no longer pinned; it is applied within moments`]);
    },
  );
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
  talksToApi(
    drift
      .command('diff')
      .description('how two versions of a manifest differ')
      .argument('<kind>', 'Service, Policy, …')
      .argument('<name>', 'namespace/name')
      .argument('<from>', 'revision')
      .argument('<to>', 'revision'),
    async ({ api, args: [kind = '', name = '', from, to], show }) => {
      const path = `/manifests/${encodeURIComponent(kind)}/${placeOf(name)}/diff`;
      const answer = await api.get(path, VersionDiff, { from, to });
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
      const revision = Number(given);
      if (!Number.isInteger(revision) || revision < 1)
        throw usageError(`"${given}" is no number of a revision; see: vigil drift revisions`);
      const source =
        options.text('source') ?? (await api.get(`/revisions/${revision}`, RevisionRow)).source;
      const isDry = options.flag('dryRun');
      const path = `/sources/${encodeURIComponent(source)}/rollback?dryRun=${isDry}`;
      const json = { revision, reason: options.text('reason') };
      const answer = await api.send({ method: 'POST', path, json }, RolledBack);
      const changes = answer.changed.map((c) => `  ${c.change} ${c.kind} ${c.namespace}/${c.name}`);
      const head = isDry
        ? `${source} at revision ${revision} would change ${changes.length}:`
        : `${source} is as at revision ${revision}, ${changes.length} changed:`;
      show(answer, () => [head, ...changes]);
    },
  );
}

/** The source that is named, or the only one that is meant. */
async function sourceFor(
  api: ApiClient,
  given: string | undefined,
  { what, is }: { what: string; is: (row: SourceRow) => boolean },
): Promise<string> {
  if (given !== undefined) return given;
  const { items } = await api.get('/sources', listOf(SourceRow));
  const found = items.filter(is).map(({ source }) => source);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (only === undefined) throw usageError(`no source ${what}`);
  throw usageError(`more than one source ${what}; name one: ${found.join(', ')}`);
}

export function renderSources(rows: readonly SourceRow[]): string[] {
  const cells = rows.map((row) => [
    row.source,
    row.revision === null ? '-' : String(row.revision),
    row.commit?.slice(0, 8) ?? '-',
    clock(row.appliedAt),
    String(row.objects),
    stateOf(row),
  ]);
  const header = ['SOURCE', 'REVISION', 'COMMIT', 'APPLIED (UTC)', 'OBJECTS', 'STATE'];
  return table(header, cells, 'no source yet');
}

function stateOf({ held, pinned }: SourceRow): string {
  if (pinned !== null) return `pinned to ${pinned.revision} by ${pinned.by}: ${pinned.reason}`;
  if (held !== null) return `held: would remove ${held.count} of ${held.of} objects`;
  return 'in force';
}

export function renderRevisions(rows: readonly RevisionRow[]): string[] {
  const cells = rows.map((row) => [
    String(row.revision),
    clock(row.createdAt),
    row.source,
    `+${row.written} -${row.deleted}`,
    row.commit?.slice(0, 8) ?? '-',
    row.author,
    row.rolledBackTo === null
      ? (row.message ?? '')
      : `back to ${row.rolledBackTo}: ${row.reason ?? ''}`,
  ]);
  const header = ['REVISION', 'MADE (UTC)', 'SOURCE', 'OBJECTS', 'COMMIT', 'AUTHOR', 'MESSAGE'];
  return table(header, cells, 'no revision yet');
}

export function renderDiff({ changes }: VersionDiff): string[] {
  if (changes.length === 0) return ['they do not differ'];
  return changes.flatMap(({ op, path, from, to }) => [
    `${path === '' ? '/' : path} (${op})`,
    ...(op === 'add' ? [] : [`  - ${JSON.stringify(from)}`]),
    ...(op === 'remove' ? [] : [`  + ${JSON.stringify(to)}`]),
  ]);
}
