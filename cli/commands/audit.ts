import type { Command } from 'commander';
import { AuditRow, listOf, Verification } from '../answers';
import { CliFailure } from '../failure';
import { clock, fullKey, table, talksToApi, words } from '../output';
import { findAction } from '../find-action';

export function register(program: Command): void {
  const audit = program.command('audit').description('the append-only audit trail');
  talksToApi(
    audit
      .command('list', { isDefault: true })
      .description('audit rows')
      .option('--resource <resource>', 'only of this resource')
      .option('--action <id>', 'only of this action')
      .option('--namespace <namespace>', 'only of this namespace')
      .option('--limit <n>', 'how many', '50'),
    async ({ api, options, show }) => {
      const resource = options.text('resource');
      const action = options.text('action');
      const answer = await api.get('/audit', listOf(AuditRow), {
        resource: resource === undefined ? undefined : fullKey(resource),
        action: action === undefined ? undefined : await findAction(api, action),
        namespace: options.text('namespace'),
        limit: options.text('limit'),
      });
      show(answer, () => renderAudit(answer.items));
    },
  );
  talksToApi(
    audit
      .command('verify')
      .description('recompute the hash chain of a namespace; exit 1 where it is broken')
      .option('--namespace <namespace>', 'whose chain', 'default'),
    async ({ api, options, show }) => {
      const namespace = options.text('namespace');
      const answer = await api.get('/audit/verify', Verification, { namespace });
      show(answer, () =>
        answer.ok
          ? [`${answer.namespace}: all ${answer.rows} sealed rows are as they were written`]
          : [],
      );
      if (!answer.ok) {
        throw new CliFailure(
          `${answer.namespace}: the chain is broken at row ${answer.firstBroken ?? '?'}; the ${answer.rows} before it hold`,
        );
      }
    },
  );
}

export function renderAudit(rows: readonly AuditRow[]): string[] {
  const cells = rows.map((row) => [
    clock(row.at),
    row.resource ?? row.namespace,
    row.event,
    row.actionId?.slice(0, 8) ?? '-',
    row.actor,
    words(row.details),
  ]);
  const header = ['AT (UTC)', 'RESOURCE', 'EVENT', 'ACTION', 'ACTOR', 'DETAILS'];
  return table(header, cells, 'no audit rows');
}
