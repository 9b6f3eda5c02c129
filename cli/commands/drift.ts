import type { Command } from 'commander';
import { DriftRow, listOf } from '../answers';
import { registerSources } from '../drift-sources';
import { clock, fullKey, table, talksToApi } from '../output';

const WIDEST = 60;

export function register(program: Command): void {
  const drift = program.command('drift');
  registerSources(drift);
  talksToApi(
    drift
      .description('how what runs differs from the manifests')
      .argument('[resource]', 'only of this resource')
      .option('--resolved', 'what differed earlier, instead of what differs now'),
    async ({ api, args: [resource], options, show }) => {
      const answer = await api.get('/drift', listOf(DriftRow), {
        resource: resource === undefined ? undefined : fullKey(resource),
        resolved: String(options.flag('resolved')),
      });
      show(answer, () => renderDrift(answer.items));
    },
  );
}

export function renderDrift(rows: readonly DriftRow[]): string[] {
  const cells = rows.map((row) => [
    row.resource,
    row.pointer,
    row.kind,
    short(row.desired),
    short(row.observed),
    clock(row.onset),
    row.resolvedAt === null ? 'open' : clock(row.resolvedAt),
  ]);
  const header = ['RESOURCE', 'WHERE', 'KIND', 'DESIRED', 'OBSERVED', 'SINCE (UTC)', 'RESOLVED'];
  return table(header, cells, 'no drift: everything is as the manifests say');
}

function short(value: unknown): string {
  if (value === null || value === undefined) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const line = text.replace(/\s+/g, ' ');
  return line.length <= WIDEST ? line : `${line.slice(0, WIDEST - 1)}…`;
}
