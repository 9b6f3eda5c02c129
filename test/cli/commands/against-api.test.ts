import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { register as registerActions } from '../../../cli/commands/actions';
import { register as registerApprove } from '../../../cli/commands/approve';
import { register as registerAudit } from '../../../cli/commands/audit';
import { register as registerDrift } from '../../../cli/commands/drift';
import { register as registerManifests } from '../../../cli/commands/manifests';
import { register as registerPause } from '../../../cli/commands/pause';
import { register as registerPolicy } from '../../../cli/commands/policy';
import { register as registerStatus } from '../../../cli/commands/status';
import { register as registerWhy } from '../../../cli/commands/why';
import { groupTemplate, policyTemplate, serviceTemplate } from '../../../cli/templates';
import { insertAudit } from '../../../storage/audit';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { runCli, type Run } from '../support';

const ACTION = '3f2c1d00-0000-4000-8000-00000000c11e';
const NAMESPACE = 'cli-test';
const SERVICE = `${NAMESPACE}/hello`;

let database: TestDatabase;
let api: TestApi;
let url: string;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  folder = mkdtempSync(join(tmpdir(), 'vigil-cli-api-'));
  const file = join(folder, 'all.yaml');
  const service = { name: 'hello', namespace: NAMESPACE, command: ['node', 'x.js'], port: '4000' };
  const policy = { name: 'hello-down', namespace: NAMESPACE, target: 'hello' };
  writeFileSync(file, `${serviceTemplate(service)}---\n${policyTemplate(policy)}`);
  const { out } = await run(registerManifests, 'apply', '-f', file);
  expect(out).toMatch(/^revision \d+: 2 changed, 0 unchanged\n$/);
  expect((await run(registerManifests, 'apply', '-f', file)).out).toContain('nothing changed');
  await insertAction();
});
afterAll(async () => {
  await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

async function run(register: (program: Command) => void, ...args: string[]): Promise<Run> {
  return runCli(register, [...args, '--api', url]);
}

/** A recorded action with one audit row, as the worker leaves them. */
async function insertAction(): Promise<void> {
  await database.pool.query(
    `insert into actions (action_id, resource, policy, policy_revision, severity, steps, state,
       outcome, outcome_reason, dry_run, requested_by, reason, recorded_at)
     values ($1, $2, $3, 1, 'critical', '[{"action":"restart","params":{}}]', 'recorded',
       'succeeded', 'verified', false, 'policy', 'http_up == 0', now())`,
    [ACTION, SERVICE, `${NAMESPACE}/hello-down`],
  );
  await insertAudit(database.pool, [
    {
      namespace: NAMESPACE,
      resource: SERVICE,
      policy: `${NAMESPACE}/hello-down`,
      actionId: ACTION,
      step: 0,
      event: 'executed',
      actor: 'vigil',
      door: 'worker',
      correlationId: null,
      policyRevision: 1,
      details: { summary: 'started pid 42' },
    },
  ]);
}

test('status shows the resource and each dependency', async () => {
  const { out, error } = await run(registerStatus, 'status');
  expect(error).toBeNull();
  expect(out).toContain('postgres: ok');
  expect(out).toMatch(new RegExp(`${SERVICE} +unknown`));
});

test('why prints the text that the API made', async () => {
  const { out, error } = await run(registerWhy, 'why', SERVICE);
  expect(error).toBeNull();
  expect(out).toContain('hello-down');
});

test('why of a resource that does not exist says so', async () => {
  const { error } = await run(registerWhy, 'why', 'nobody');
  expect(error).toMatchObject({ exitCode: 1, message: 'there is no resource default/nobody' });
});

test('actions lists and shows', async () => {
  const list = await run(registerActions, 'actions', '--resource', SERVICE);
  expect(list.out).toMatch(/3f2c1d00 .* restart +succeeded/);
  const story = await run(registerActions, 'actions', 'show', '3f2c1d');
  expect(story.error).toBeNull();
  expect(story.out).toContain(`action ${ACTION}`);
  expect(story.out).toContain('executed (step 1) by vigil summary="started pid 42"');
});

test('an action that is over takes no decision', async () => {
  const { error } = await run(registerApprove, 'approve', '3f2c1d', '--comment', 'late');
  expect(error).toMatchObject({ exitCode: 1 });
});

test('pause and resume', async () => {
  const args = ['pause', SERVICE, '--for', '10m', '--reason', 'deploy'];
  const paused = await run(registerPause, ...args);
  expect(paused.out).toMatch(new RegExp(`^${SERVICE} is paused until \\d{4}-.* UTC: deploy\n$`));
  expect((await run(registerPause, 'pauses')).out).toContain('deploy');
  expect((await run(registerStatus, 'status')).out).toMatch(new RegExp(`${SERVICE} +\\S+ +paused`));
  expect((await run(registerPause, 'resume', SERVICE)).error).toBeNull();
  expect((await run(registerPause, 'pauses')).out).toBe('nothing is paused\n');
});

test('policy list, drift and audit', async () => {
  expect((await run(registerPolicy, 'policy', 'list')).out).toContain(`${NAMESPACE}/hello-down`);
  const nobody = `nobody has looked at ${SERVICE} yet\n`;
  expect((await run(registerDrift, 'drift', SERVICE)).out).toBe(nobody);
  const { error } = await run(registerDrift, 'drift', 'hello');
  expect(error).toMatchObject({ exitCode: 1, message: 'there is no resource default/hello' });
  expect((await run(registerAudit, 'audit', '--resource', SERVICE)).out).toContain('executed');
  const verified = await run(registerAudit, 'audit', 'verify', '--namespace', NAMESPACE);
  expect(verified.error).toBeNull();
});

test('apply lists every problem of a bad file with its place', async () => {
  const file = join(folder, 'bad.yaml');
  const draft = { name: 'bad', namespace: NAMESPACE, target: 'hello' };
  writeFileSync(file, policyTemplate(draft).replace('http_up ==', 'http_up ='));
  const { error } = await run(registerManifests, 'apply', '-f', file);
  expect(error).toMatchObject({ exitCode: 1 });
  expect(String(error)).toMatch(/:\d+:\d+: .*==/);
});

test('groups, windows and approvers are applied and deleted like the others', async () => {
  const file = join(folder, 'group.yaml');
  writeFileSync(file, groupTemplate({ name: 'all', namespace: NAMESPACE, members: '*' }));
  const { out } = await run(registerManifests, 'apply', '-f', file);
  expect(out).toMatch(/^revision \d+: 1 changed, 0 unchanged\n$/);
  const listed = await fetch(`${url}/manifests?kind=Group`);
  expect(await listed.json()).toMatchObject({ items: [{ kind: 'Group', name: 'all' }] });
  const gone = await run(registerManifests, 'delete', 'group', `${NAMESPACE}/all`);
  expect(gone.out).toBe(`Group ${NAMESPACE}/all is deleted\n`);
  const misspelt = await run(registerManifests, 'delete', 'grup', `${NAMESPACE}/all`);
  expect(misspelt.error).toMatchObject({
    exitCode: 2,
    message: 'unknown kind "grup"; did you mean "Group"?',
  });
});

test('delete stops managing', async () => {
  const gone = await run(registerManifests, 'delete', 'policy', `${NAMESPACE}/hello-down`);
  expect(gone.out).toContain('is deleted');
  const again = await run(registerManifests, 'delete', 'policy', `${NAMESPACE}/hello-down`);
  expect(again.error).toMatchObject({ exitCode: 1 });
});
