import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApprovalRow } from '../../../cli/answers';
import { register, renderApprovals } from '../../../cli/commands/approvals';
import { insertRequest } from '../../../storage/requests';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { serviceSpec } from '../../support/manifest-objects';
import { runCli, type Run } from '../support';

const ACTION = '3f2c1d00-0000-4000-8000-00000000c11e';

let database: TestDatabase;
let api: TestApi;
let url: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-cli-approvals-'));
  const approvalKeyFile = join(folder, 'approval.key');
  writeFileSync(approvalKeyFile, 'ab'.repeat(32));
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool, config: { approvalKeyFile } });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  await insertRequest(database.pool, {
    plan: {
      actionId: ACTION,
      resource: 'default/web',
      namespace: 'default',
      policy: 'default/web-down',
      policyRevision: 1,
      severity: 'warning',
      spec: serviceSpec(),
      steps: [{ action: 'restart', params: {} }],
      verify: { settleMs: 0, stableMs: 0, withinMs: 1 },
      approval: { required: 2, deadlineMs: 60_000, onDeadline: 'expire', of: ['user:ada'] },
      dryRun: false,
      requestedBy: 'policy:default/web-down',
      reason: 'up == 0',
      correlationId: null,
    },
    ...{ generation: 1, episode: 1, since: Date.now(), maxConcurrent: 1, forced: false },
    ...{ state: 'awaiting_approval', waiter: 'x' },
  });
});
afterAll(async () => {
  await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<Run> {
  return runCli(register, [...args, '--api', url]);
}

test('approvals shows what waits, of whom, and what can never come true', async () => {
  const { out } = await run('approvals');
  expect(out).toMatch(/3f2c1d00\s+default\/web\s+restart\s+awaiting_approval\s+0 of 2\s.*\sada\n/);
  expect(out).toContain('3f2c1d00: it can never be approved as the lists are now');
  expect((await run('approvals', '--approver', 'eve')).out).toBe('nothing waits for a yes\n');
  const json = await run('approvals', 'list', '--approver', 'ada', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ items: [{ action: ACTION, required: 2 }] });
});

test('approvals link prints an address that opens the page', async () => {
  const { out } = await run('approvals', 'link', ACTION, '--approver', 'ada', '--lifetime', '30s');
  const [link = '', words] = out.split('\n');
  expect(words).toMatch(/^it works once, for ada, until /);
  expect(link.startsWith(`${url}/api/v1/approve?token=`)).toBe(true);
  expect(await (await fetch(link)).text()).toContain('restart on default/web');
});

test('approvals link for somebody who may not decide says who may', async () => {
  const { error } = await run('approvals', 'link', ACTION, '--approver', 'eve');
  expect(String(error)).toContain('eve is not among those who may: ada may decide');
});

test.each<[string, Partial<ApprovalRow>, string]>([
  ['anybody', {}, 'anybody'],
  ['nobody', { people: [] }, 'nobody'],
  ['after an escalation', { people: ['ada'], escalated: true }, 'ada, escalated'],
  [
    'with what was said',
    {
      given: [
        { approver: 'user:ada', decision: 'approve' },
        { approver: 'user:bob', decision: 'withdrawn' },
      ],
    },
    'anybody (yes: ada)',
  ],
])('who may decide: %s', (_, changes, words) => {
  const row: ApprovalRow = {
    action: ACTION,
    resource: 'default/web',
    policy: null,
    steps: [{ action: 'restart' }],
    state: 'awaiting_approval',
    outcome: null,
    required: 1,
    given: [],
    people: null,
    shortfall: null,
    escalated: false,
    deadline: '2026-01-01T00:00:00Z',
    ...changes,
  };
  const [, line = ''] = renderApprovals([row]);
  expect(line.endsWith(words)).toBe(true);
});
