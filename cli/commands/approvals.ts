import type { Command } from 'commander';
import { ApprovalLink, ApprovalRow, listOf } from '../answers';
import { findAction } from '../find-action';
import { clock, fullKey, table, talksToApi } from '../output';

export function register(program: Command): void {
  const approvals = program
    .command('approvals')
    .description('what people are asked, and what they said');
  talksToApi(
    approvals
      .command('list', { isDefault: true })
      .description('actions that wait for a yes, the newest first')
      .option('--all', 'also those that are decided')
      .option('--resource <resource>', 'only of this resource')
      .option('--policy <policy>', 'only for this policy (namespace/name)')
      .option('--approver <name>', 'only what this person may say yes to')
      .option('--limit <n>', 'how many', '20'),
    async ({ api, options, show }) => {
      const resource = options.text('resource');
      const answer = await api.get('/approvals', listOf(ApprovalRow), {
        resource: resource === undefined ? undefined : fullKey(resource),
        policy: options.text('policy'),
        approver: options.text('approver'),
        pending: options.flag('all') ? undefined : 'true',
        limit: options.text('limit'),
      });
      show(answer, () => renderApprovals(answer.items));
    },
  );
  registerLink(approvals);
}

function registerLink(approvals: Command): void {
  talksToApi(
    approvals
      .command('link')
      .description('make a link with which one person decides once; it needs no other credential')
      .argument('<id>', 'id of the action, or its first characters')
      .requiredOption('--approver <name>', 'who decides with it')
      .option('--decision <word>', 'approve or reject; default: the page lets the person choose')
      .option('--lifetime <duration>', 'at most until the deadline', '15m'),
    async ({ api, args: [given = ''], options, show }) => {
      const id = await findAction(api, given);
      const json = {
        approver: options.text('approver'),
        decision: options.text('decision'),
        lifetime: options.text('lifetime'),
      };
      const path = `/actions/${id}/links`;
      const link = await api.send({ method: 'POST', path, json }, ApprovalLink);
      show(link, () => [
        link.url,
        `it works once, for ${nameOf(link.approver)}, until ${clock(link.expiresAt)}`,
      ]);
    },
  );
}

export function renderApprovals(rows: readonly ApprovalRow[]): string[] {
  const lines = rows.map((row) => [
    row.action.slice(0, 8),
    row.resource,
    row.steps.map(({ action }) => action).join(' → '),
    row.outcome ?? row.state,
    `${String(givenIn(row, 'approve').length)} of ${String(row.required)}`,
    clock(row.deadline),
    whoMay(row),
  ]);
  const header = ['ID', 'RESOURCE', 'STEPS', 'STATE', 'YES', 'DEADLINE (UTC)', 'WHO MAY'];
  const short = rows.flatMap(({ action, shortfall }) =>
    shortfall === null ? [] : [`${action.slice(0, 8)}: ${shortfall}`],
  );
  return [...table(header, lines, 'nothing waits for a yes'), ...short];
}

function givenIn({ given }: ApprovalRow, decision: string): string[] {
  return given.filter((one) => one.decision === decision).map(({ approver }) => nameOf(approver));
}

function whoMay(row: ApprovalRow): string {
  const people = row.people === null ? 'anybody' : row.people.join(', ') || 'nobody';
  const yes = givenIn(row, 'approve');
  const said = yes.length === 0 ? '' : ` (yes: ${yes.join(', ')})`;
  return `${people}${row.escalated ? ', escalated' : ''}${said}`;
}

function nameOf(actor: string): string {
  return actor.replace(/^user:/, '');
}
