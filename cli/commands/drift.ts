import type { Command } from 'commander';
import { z } from 'zod';
import { DriftRow, listOf } from '../answers';
import type { ApiClient } from '../client';
import { registerOverrides } from '../drift-overrides';
import { registerSources } from '../drift-sources';
import { clock, fullKey, resourcePath, table, talksToApi } from '../output';

const WIDEST = 80;
const WIDEST_PATH = 40;

/** Options that are handed on as they are. */
const FILTERS = ['namespace', 'severity', 'kind', 'pointer', 'since', 'until'] as const;

export function register(program: Command): void {
  const drift = program.command('drift');
  registerSources(drift);
  registerOverrides(drift);
  talksToApi(
    drift
      .description('how what runs differs from the manifests, and what holds the repair')
      .argument('[resource]', 'only of this resource')
      .option('--namespace <namespace>', 'only of this namespace')
      .option('--severity <severity>', 'only what is critical, warning or info')
      .option('--kind <kind>', 'only what is missing, extra, changed or version')
      .option('--pointer <start>', 'only where the pointer begins so: /env/')
      .option('--since <time>', 'what differed then or later')
      .option('--until <time>', 'what differed then or before')
      .option('--resolved', 'what differed earlier, instead of what differs now')
      .option('--limit <n>', 'how many', '100'),
    async ({ api, args: [resource], options, show }) => {
      const filters = Object.fromEntries(FILTERS.map((name) => [name, options.text(name)]));
      const answer = await api.get('/drift', listOf(DriftRow), {
        resource: resource === undefined ? undefined : fullKey(resource),
        ...filters,
        resolved: String(options.flag('resolved')),
        limit: options.text('limit'),
      });
      const { items, nextCursor } = answer;
      const isMore = typeof nextCursor === 'string';
      const more = isMore ? ['there is more: raise --limit, or name a resource'] : [];
      const asked = { resource, isResolved: options.flag('resolved') };
      const isFiltered = FILTERS.some((name) => options.text(name) !== undefined);
      const nothing = items.length > 0 ? '' : await whyNothing(api, { ...asked, isFiltered });
      show(answer, () => [...renderDrift(items, nothing), ...more]);
    },
  );
}

/** What an empty answer means. Fails where there is no such resource. */
async function whyNothing(api: ApiClient, { resource, isResolved, isFiltered }: Asked) {
  const path = resource === undefined ? null : `/resources/${resourcePath(resource)}`;
  const seen = path === null ? undefined : (await api.get(path, Seen)).observed;
  if (isResolved) return 'nothing that matches differed earlier';
  if (resource !== undefined && seen === null)
    return `nobody has looked at ${fullKey(resource)} yet`;
  return isFiltered
    ? 'no drift that matches'
    : 'no drift: what was looked at is as the manifests say';
}

interface Asked {
  resource: string | undefined;
  isResolved: boolean;
  isFiltered: boolean;
}

/** `observed` is null until somebody has looked. */
const Seen = z.looseObject({ observed: z.unknown() });

/** Resource by resource, below each what repairs it and what holds that. */
function renderDrift(rows: readonly DriftRow[], nothing: string): string[] {
  const byResource = [...groupBy(rows).values()];
  const cells = byResource
    .flat()
    .map((row) => [
      row.resource,
      middle(row.pointer),
      row.severity ?? '-',
      short(row.sentence),
      clock(row.onset),
      row.resolvedAt === null ? 'open' : clock(row.resolvedAt),
      cause(row),
    ]);
  const header = ['RESOURCE', 'WHERE', 'SEVERITY', 'WHAT', 'SINCE (UTC)', 'UNTIL', 'BY'];
  const [first = nothing, ...lines] = table(header, cells, nothing);
  const told = byResource.flatMap((group) => [
    ...lines.splice(0, group.length),
    ...(group[0] === undefined ? [] : footer(group[0])),
  ]);
  return [first, ...told];
}

function groupBy(rows: readonly DriftRow[]): Map<string, DriftRow[]> {
  const groups = new Map<string, DriftRow[]>();
  for (const row of rows) groups.set(row.resource, [...(groups.get(row.resource) ?? []), row]);
  return groups;
}

/** What holds for all that differs of a resource. */
function footer({ recommended, held, actionId, impact }: DriftRow): string[] {
  if (recommended === null) return [];
  return [
    `  ${recommended.step}: ${recommended.why}`,
    ...(held === null ? [] : [`  held by ${held.gate}: ${held.detail}${ending(held.until)}`]),
    ...(actionId === null ? [] : [`  action ${actionId}`]),
    ...(impact.length === 0 ? [] : [`  needed by ${short(impact.join(', '))}`]),
  ];
}

function ending(until: string | null): string {
  return until === null ? '' : ` (until ${clock(until)})`;
}

function cause({ attribution }: DriftRow): string {
  if (attribution === null) return '-';
  const { by, what } = attribution;
  return short(by === null ? what : `${by}: ${what}`);
}

/** The end of a path tells more than its middle. */
function middle(text: string): string {
  if (text.length <= WIDEST_PATH) return text;
  const half = (WIDEST_PATH - 1) / 2;
  return `${text.slice(0, Math.floor(half))}…${text.slice(-Math.ceil(half))}`;
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= WIDEST ? line : `${line.slice(0, WIDEST - 1)}…`;
}
