import type { Command } from 'commander';
import { AuditRow, listOf, Pruned, Replayed, Verification } from '../answers';
import { verifyExport } from '../audit-export';
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
  verify(audit);
  exportRows(audit);
  prune(audit);
  replay(audit);
}

function exportRows(audit: Command): void {
  talksToApi(
    audit
      .command('export')
      .description('sealed rows with their hashes as NDJSON, on standard output')
      .option('--namespace <namespace>', 'whose chain; default: all')
      .option('--after <number>', 'only rows with a number above', '0'),
    async ({ api, options }) => {
      const query = { namespace: options.text('namespace'), after: options.text('after') };
      await api.stream('/audit/export', query, (chunk) => process.stdout.write(chunk));
    },
  );
}

function prune(audit: Command): void {
  talksToApi(
    audit
      .command('prune')
      .description('drop old rows behind a checkpoint, from which the chain can still be verified')
      .requiredOption('--older-than <duration>', 'such as 365d')
      .option('--namespace <namespace>', 'whose chain', 'default'),
    async ({ api, options, show }) => {
      const json = { namespace: options.text('namespace'), olderThan: options.text('olderThan') };
      const answer = await api.send({ method: 'POST', path: '/audit/prune', json }, Pruned);
      show(answer, () => [
        answer.checkpoint === null
          ? 'there was nothing to drop'
          : `dropped ${answer.dropped} rows; the chain now begins after number ${answer.checkpoint}`,
      ]);
    },
  );
}

function replay(audit: Command): void {
  talksToApi(
    audit
      .command('replay')
      .description('tell the list of actions anew from the audit trail')
      .option('--dry-run', 'only say what differs'),
    async ({ api, options, show }) => {
      const json = { dryRun: options.flag('dryRun') };
      const answer = await api.send({ method: 'POST', path: '/audit/replay', json }, Replayed);
      show(answer, () => [
        `${answer.told} actions told; ${answer.missing.length} were missing, ${answer.changed.length} said something else`,
        ...answer.missing.map((id) => `  ${id}  was missing`),
        ...answer.changed.map(({ id, fields }) => `  ${id}  ${fields.join(', ')}`),
      ]);
    },
  );
}

function verify(audit: Command): void {
  talksToApi(
    audit
      .command('verify')
      .description('recompute the hash chain; exit 1 where it is broken')
      .option('--namespace <namespace>', 'whose chain', 'default')
      .option('--file <file>', 'of an export, without any server; - is standard input'),
    async ({ api, options, show }) => {
      const file = options.text('file');
      const namespace = options.text('namespace') ?? 'default';
      const proofs =
        file === undefined
          ? [await api.get('/audit/verify', Verification, { namespace })]
          : await verifyExport(file);
      show(file === undefined ? proofs[0] : proofs, () =>
        proofs.filter(({ ok }) => ok).map((proof) => proofLine(proof)),
      );
      const broken = proofs.filter(({ ok }) => !ok);
      if (broken.length > 0) throw new CliFailure(broken.map(brokenLine).join('; '));
    },
  );
}

function proofLine({ namespace, rows, from }: Verification): string {
  const since = from === 0 ? '' : ` since checkpoint ${from}`;
  return `${namespace}: all ${rows - from} sealed rows${since} are as they were written`;
}

function brokenLine({ namespace, rows, from, firstBroken }: Verification): string {
  return `${namespace}: the chain is broken at row ${firstBroken ?? '?'}; the ${rows - from} before it hold`;
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
