import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CATALOGUES } from '../../../activities/catalogue';
import { actorName } from '../../../cli/client';
import { register as registerCheck } from '../../../cli/commands/check';
import { register, splitCommand } from '../../../cli/commands/init';
import { parseManifests } from '../../../language/manifest/compile';
import { runCli } from '../support';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-init-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function compiled(name: string) {
  const file = join(folder, name);
  const result = parseManifests(readFileSync(file, 'utf8'), { file, catalogue: CATALOGUES });
  expect(result.problems).toEqual([]);
  return result.objects;
}

function init(...args: string[]) {
  return runCli(register, ['init', ...args, '--out', folder]);
}

describe('init service', () => {
  test('writes a Service that passes check and says what to do next', async () => {
    const { out, error } = await init('service', 'hello');
    expect(error).toBeNull();
    expect(out).toContain(`wrote ${join(folder, 'hello.yaml')}`);
    expect(out).toContain('./vigil apply -f');
    expect(out).toContain('./vigil init policy hello-down --target hello');
    const [service] = compiled('hello.yaml');
    expect(service).toMatchObject({ kind: 'Service', namespace: 'default', name: 'hello' });
    const runtime = service?.service?.runtime;
    if (runtime?.type !== 'process') throw new Error('not a process');
    expect(runtime.command).toEqual(['node', 'examples/web/server.mjs']);
    const port = runtime.env['PORT'] ?? '';
    expect(service?.service?.healthCheck?.endpoint).toBe(`http://127.0.0.1:${port}/health`);
  });

  test('takes a command, a port and a namespace', async () => {
    const command = `python3 -m http.server '81 00' "it's: #1"`;
    await init('service', 'files', '--command', command, '--port', '8100', '--namespace', 'shop');
    const [service] = compiled('files.yaml');
    expect(service).toMatchObject({
      namespace: 'shop',
      service: {
        runtime: { command: ['python3', '-m', 'http.server', '81 00', "it's: #1"] },
        healthCheck: { endpoint: 'http://127.0.0.1:8100/health' },
      },
    });
  });

  test('names that YAML could take for something else stay names', async () => {
    await init('service', '123', '--namespace', 'null');
    expect(compiled('123.yaml')[0]).toMatchObject({ name: '123', namespace: 'null' });
  });

  test('never overwrites', async () => {
    writeFileSync(join(folder, 'hello.yaml'), 'mine');
    const { error } = await init('service', 'hello');
    expect(error).toMatchObject({ exitCode: 1 });
    expect(String(error)).toContain('is there already');
    expect(readFileSync(join(folder, 'hello.yaml'), 'utf8')).toBe('mine');
  });

  test.each([
    ['a name with capitals', ['service', 'Hello']],
    ['a name that leads elsewhere', ['service', '../hello']],
    ['a port that is none', ['service', 'hello', '--port', 'http']],
    ['a shell line', ['service', 'hello', '--command', 'a | b']],
    ['a target that is no pattern', ['policy', 'hello', '--target', 'Web Server']],
  ])('%s is a usage error', async (_, args) => {
    expect((await init(...args)).error).toMatchObject({ exitCode: 2 });
  });
});

describe('init policy', () => {
  test('writes a Policy for its target that passes check', async () => {
    const { out, error } = await init('policy', 'hello-down', '--target', 'hello');
    expect(error).toBeNull();
    expect(out).toContain('./vigil simulate crash --target hello --yes');
    const [policy] = compiled('hello-down.yaml');
    expect(policy?.policies[0]).toMatchObject({
      key: 'default/hello-down',
      target: { name: 'hello' },
      steps: [{ action: 'restart' }],
      mode: 'enforce',
    });
  });

  test('what is commented out passes check, too', async () => {
    await init('policy', 'hello-down');
    const file = join(folder, 'hello-down.yaml');
    const text = readFileSync(file, 'utf8')
      .replace('  severity: critical\n', '')
      .replace(
        /^ {2}# ((?:clear:|missing:|keepFiringFor:|severity:|schedule:|approval:|onFalseFixes:|mode:| {2}[a-zA-Z]+: ).*)$/gm,
        '  $1',
      )
      .replace('  action: restart\n', '')
      .replace(/^ {2}# (steps: .*)$/m, '  $1')
      .replace(/^ {4}# ((?:maxUnhealthy|group): .*)$/gm, '    $1');
    writeFileSync(file, text);
    const [policy] = compiled('hello-down.yaml')[0]?.policies ?? [];
    expect(policy).toMatchObject({
      condition: { clear: { kind: 'for', durationMs: 5000 }, keepFiringMs: 30_000 },
      severity: 'warning',
      grades: [{ severity: 'critical', expression: { kind: 'for', durationMs: 300_000 } }],
      schedule: { timezone: 'Europe/Paris', active: [{ days: [1, 2, 3, 4, 5] }] },
      steps: [{ action: 'restart' }, { action: 'notify', afterMs: 300_000 }],
      limits: { perHour: 4, maxUnhealthy: { count: 2 }, group: 'default/web' },
      approval: { required: 1, of: ['operators'], deadlineMs: 900_000, onDeadline: 'expire' },
      onFalseFixes: 'ignore',
      mode: 'dry-run',
    });
  });

  test('a condition of Prometheus takes its place with the language that is commented out', async () => {
    await init('policy', 'hello-down');
    const file = join(folder, 'hello-down.yaml');
    const text = readFileSync(file, 'utf8')
      .replace('# language:', 'language:')
      .replace('http_up == 0 for 3 attempts', 'http_up unless on_holiday == 1 for 1m');
    writeFileSync(file, text);
    expect(compiled('hello-down.yaml')[0]?.policies[0]?.condition).toMatchObject({
      expression: { kind: 'present' },
      forMs: 60_000,
    });
  });
});

describe('init group, maintenance and approvers', () => {
  /** With every field in the text that is commented out. */
  function uncommented(name: string): ReturnType<typeof compiled> {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/^( *)# ((?: {2})?[a-zA-Z]+: ?(?:[["{\d].*)?)$/gm, '$1$2'));
    return compiled(name);
  }

  test('a Group of its members, whose other limits are commented out', async () => {
    const { out, error } = await init('group', 'web', '--members', 'web-*');
    expect(error).toBeNull();
    expect(out).toContain('limits: { group: web }');
    expect(compiled('web.yaml')[0]).toMatchObject({
      kind: 'Group',
      definition: { key: 'default/web', members: { name: 'web-*' }, storm: null },
    });
    expect(uncommented('web.yaml')[0]?.definition).toMatchObject({
      members: { name: 'web-*', labels: { tier: 'web' } },
      limits: { unhealthyRange: { min: 1, max: 5 }, maxConcurrent: { count: 1 } },
      storm: { members: { count: 10 }, withinMs: 60_000 },
    });
  });

  test('a MaintenanceWindow, whose fixed times are commented out', async () => {
    await init('maintenance', 'backup', '--target', 'db', '--namespace', 'shop');
    expect(compiled('backup.yaml')[0]).toMatchObject({
      kind: 'MaintenanceWindow',
      definition: { key: 'shop/backup', target: { name: 'db', labels: {} }, fixed: [] },
    });
    expect(uncommented('backup.yaml')[0]?.definition).toMatchObject({
      target: { labels: { tier: 'db' } },
      fixed: [{ from: Date.UTC(2027, 2, 28, 22) }],
      recurring: { timezone: 'UTC' },
    });
  });

  test('Approvers, who are whoever types unless they are named', async () => {
    await init('approvers', 'operators', '--members', 'alice, bob');
    expect(compiled('operators.yaml')[0]?.definition).toMatchObject({ members: ['alice', 'bob'] });
    await init('approvers', 'leads');
    expect(compiled('leads.yaml')[0]?.definition).toMatchObject({
      members: [actorName(process.env)],
    });
    const { error } = await init('approvers', 'nobody', '--members', ' , ');
    expect(error).toMatchObject({ exitCode: 2 });
  });

  test('are counted by check beside the others', async () => {
    for (const name of ['one', 'two']) await init('group', name);
    await init('maintenance', 'backup');
    await init('approvers', 'operators', '--members', 'alice');
    await init('policy', 'down');
    await init('policy', 'up');
    const { out, error } = await runCli(registerCheck, ['check', folder]);
    expect(out).toBe(
      '6 files checked: 0 Services, 2 Policies, 2 Groups, 1 MaintenanceWindow, 1 Approvers, no problems\n',
    );
    expect(error).toBeNull();
  });
});

test('what both write stands side by side', async () => {
  await init('service', 'hello');
  await init('policy', 'hello-down', '--target', 'hello');
  const { out, error } = await runCli(registerCheck, ['check', folder]);
  expect(out).toBe('2 files checked: 1 Service, 1 Policy, no problems\n');
  expect(error).toBeNull();
});

test.each([
  ['node server.js', ['node', 'server.js']],
  [`a "b c" 'd e' f`, ['a', 'b c', 'd e', 'f']],
  [`--name="b c"d`, ['--name=b cd']],
  [`sh -c 'a | b'`, ['sh', '-c', 'a | b']],
  [`a ""`, ['a', '']],
])('the command %s is split', (line, words) => {
  expect(splitCommand(line)).toEqual(words);
});

test('a quote that is never closed is refused', () => {
  expect(() => splitCommand(`a "b`)).toThrow('never closed');
});
