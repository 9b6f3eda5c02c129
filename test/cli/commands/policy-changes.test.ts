import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register as registerManifests } from '../../../cli/commands/manifests';
import { register } from '../../../cli/commands/policy';
import { parseMetric } from '../../../cli/policy/evaluate';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { runCli, type Run } from '../support';

let database: TestDatabase;
let api: TestApi;
let url: string;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  folder = mkdtempSync(join(tmpdir(), 'vigil-cli-policy-'));
});
afterAll(async () => {
  await api.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

function policy(...args: string[]): Promise<Run> {
  return runCli(register, ['policy', ...args, '--api', url]);
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const FLAT = 'name: busy\nnamespace: shop\ncondition: cpu_usage > 80% for 5m\naction: restart\n';

test('a policy is applied, shown, switched off and on, and deleted', async () => {
  const { out: applied } = await policy('apply', '-f', file('busy.yaml', FLAT));
  expect(applied).toMatch(/^policy shop\/busy is in force: revision \d+\n$/);
  expect((await policy('disable', 'shop/busy')).out).toBe('policy shop/busy is disabled\n');
  expect((await policy('list')).out).toMatch(/shop\/busy +\d+ +api +disabled +cpu_usage > 80%/);
  const { out: shown } = await policy('get', 'shop/busy');
  expect(shown).toContain('shop/busy is disabled: cpu_usage > 80% for 5m\nfrom api:1\n');
  expect(shown).toContain('  condition: cpu_usage > 80% for 5m\n');
  expect(shown.match(/user:|anonymous/g)).toHaveLength(2);
  expect((await policy('enable', 'shop/busy')).out).toBe('policy shop/busy is enabled\n');
  expect((await policy('reload')).out).toMatch(/^looking again: revision \d+, 1 policies in use\n/);
  const { out: raw } = await policy('get', 'shop/busy', '--json');
  expect(JSON.parse(raw)).toMatchObject({ policy: 'shop/busy', enabled: true });
  expect((await policy('delete', 'shop/busy')).out).toBe('policy shop/busy is deleted\n');
  const { error } = await policy('get', 'shop/busy');
  expect(error).toMatchObject({ exitCode: 1, message: 'there is no policy shop/busy' });
});

test('a manifest is applied under the name in its metadata, and what is wrong is placed', async () => {
  const manifest = (spec: string) =>
    `apiVersion: vigil.io/v1\nkind: Policy\nmetadata: { name: idle }\nspec:\n  ${spec}\n`;
  const good = file('idle.yaml', manifest('{ condition: cpu_usage < 5%, action: stop }'));
  expect((await policy('apply', '-f', good)).out).toContain('policy default/idle is in force');
  const bad = file('bad.yaml', manifest('{ condition: cpu_usage < 5%, acton: stop }'));
  const { error } = await policy('apply', '-f', bad);
  expect((error as Error).message).toContain('api:5:32: unknown field "acton"');
});

test.each([
  ['two.yaml', `${FLAT}---\n${FLAT}`, /is not one policy/],
  ['none.yaml', '# nothing\n', /is not one policy/],
  ['nameless.yaml', 'condition: up == 0\n', /it needs a name/],
  ['broken.yaml', 'a: [\n', /broken\.yaml:\d+:\d+: /],
])('%s is no policy to apply', async (name, text, message) => {
  const { error } = await policy('apply', '-f', file(name, text));
  expect(error).toMatchObject({ exitCode: 1, message: expect.stringMatching(message) as string });
});

test('a delete needs the namespace', async () => {
  expect((await policy('delete', 'busy')).error).toMatchObject({ exitCode: 2 });
});

test('a condition is evaluated on given metrics', async () => {
  const metrics = ['--metric', 'cpu_usage=0.93', '--metric', 'up{host="a"}=0'];
  const { out } = await policy('evaluate', '--condition', 'cpu_usage > 80% OR up', ...metrics);
  expect(out).toMatch(/^true: it fires\n {2}cpu_usage = 93 % > 80 %/);
  const held = await policy('evaluate', '--condition', 'cpu_usage > 80% for 5m', ...metrics);
  expect(held.out).toMatch(/^true: it fires in (5m|300s|29\ds)\n/);
});

test('a policy is evaluated on the stored samples of a resource', async () => {
  const flat = 'name: full\ntarget: { name: web }\ncondition: disk > 90%\naction: restart\n';
  await policy('apply', '-f', file('full.yaml', flat));
  await api.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: { name: 'disk', value: 0.95, tags: { resource: 'db' } },
  });
  const { out } = await policy('evaluate', '--policy', 'default/full', '--resource', 'db');
  expect(out.split('\n')).toEqual([
    'true: it fires',
    expect.stringContaining('disk{resource="db"} = 95 % > 90 %'),
    '  when it fires: restart',
    '  default/full does not look at default/db',
    '',
  ]);
});

test.each([
  ['cpu_usage=0.93', { name: 'cpu_usage', value: 0.93 }],
  ['up{host=a, zone="b"}=1', { name: 'up', value: 1, tags: { host: 'a', zone: 'b' } }],
])('--metric %s', (text, metric) => {
  expect(parseMetric(text)).toEqual(metric);
});

test.each(['cpu_usage', '=1', 'a=b', 'up{host}=1'])('--metric %s is a usage error', (text) => {
  expect(() => parseMetric(text)).toThrow(/--metric/);
});

test('warnings are printed at their places in the file', async () => {
  const path = file('warned.yaml', FLAT.replace('cpu_usage > 80% for 5m', 'errors_total > 3'));
  const { out, error } = await policy('apply', '-f', path);
  expect(error).toBeNull();
  const [warning, applied] = out.split('\n');
  expect(warning).toMatch(/warned\.yaml:3:12: errors_total only grows.* \(warning\)$/);
  expect(applied).toMatch(/^policy shop\/busy is in force/);
  const all = file(
    'all.yaml',
    `policies:\n  - ${'name: w\ncondition: b_total > 1\naction: stop'.replaceAll('\n', '\n    ')}\n`,
  );
  const applying = await runCli(registerManifests, ['apply', '-f', all, '--api', url]);
  expect(applying.out).toMatch(/^\S+all\.yaml:3:16: b_total only grows/);
});
