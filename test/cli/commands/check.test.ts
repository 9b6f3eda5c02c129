import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '../../../cli/commands/check';
import { runCli } from '../support';

const GOOD = `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec:
  condition: http_up == 0 for 10s
  action: restart
`;
const BAD = GOOD.replace('name: down', 'name: bad')
  .replace('http_up == 0', 'http_up = 0')
  .replace('action: restart', 'actoin: restart');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-check-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

test('a good file is counted', async () => {
  const { out, error } = await runCli(register, ['check', write('good.yaml', GOOD)]);
  expect(out).toBe('1 file checked: 0 Services, 1 Policy, no problems\n');
  expect(error).toBeNull();
});

test('every problem has its place, and the command fails', async () => {
  const file = write('bad.yaml', BAD);
  const { out, error } = await runCli(register, ['check', file]);
  expect(out).toContain(`${file}:5:22: write == to compare`);
  expect(out).toMatch(/bad\.yaml:6:3: .*actoin.*did you mean "action"/);
  expect(error).toMatchObject({ exitCode: 1 });
});

test('a folder is searched to its depths, without hidden files and other kinds', async () => {
  mkdirSync(join(folder, 'deep'));
  write('deep/one.yml', GOOD);
  write('two.json', JSON.stringify({ policies: [] }));
  write('.hidden.yaml', BAD);
  write('notes.txt', BAD);
  const { out } = await runCli(register, ['check', folder]);
  expect(out).toContain('2 files checked');
});

test('one object in two files is a problem that names both', async () => {
  const first = write('a.yaml', GOOD);
  const second = write('b.yaml', GOOD);
  const { out, error } = await runCli(register, ['check', folder]);
  expect(out).toContain(`${second}:1:1: Policy default/down is described in ${first}:1, too`);
  expect(error).toMatchObject({ exitCode: 1 });
});

test('what a broken manifest may make is not said to be missing', async () => {
  const service = 'apiVersion: vigil.io/v1\nkind: Service\nmetadata: { name: NAME }\nspec:\n';
  const web = `${service.replace('NAME', 'web')}  command: [a]\n  dependsOn: [db]\n`;
  const db = `${service.replace('NAME', 'db')}  command: [a]\n`;
  const [one, other] = [write('web.yaml', web), write('db.yaml', `${db}  replcas: 1\n`)];
  expect((await runCli(register, ['check', one])).out).toContain('makes default/db (warning)');
  expect((await runCli(register, ['check', one, other])).out).toBe(
    `${other}:6:3: unknown field "replcas"; did you mean "replicas"?\n1 problem in 2 files\n`,
  );
});

test('a path that does not exist is a usage error', async () => {
  const { error } = await runCli(register, ['check', join(folder, 'none.yaml')]);
  expect(error).toMatchObject({ exitCode: 2 });
});

test('--json prints the problems', async () => {
  const { out } = await runCli(register, ['check', '--json', write('bad.yaml', BAD)]);
  const { problems } = JSON.parse(out) as { problems: unknown[] };
  expect(problems).toContainEqual(
    expect.objectContaining({ line: 5, column: 22, severity: 'error' }),
  );
});

test('a verb that a runtime lacks is an error, and a warning in a dry run', async () => {
  const service = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec: { runtime: { type: process, command: [node] } }
---
`;
  const more = service + GOOD.replace('action: restart', 'action: scale_up');
  const refused = await runCli(register, ['check', write('more.yaml', more)]);
  expect(refused.error).toMatchObject({ exitCode: 1 });
  expect(refused.out).toContain('cannot be done to Service default/web');
  const file = write('more.yaml', `${more}  mode: dry-run\n`);
  const { out, error } = await runCli(register, ['check', file]);
  expect(error).toBeNull();
  expect(out).toContain('cannot be done to Service default/web');
  expect(out).toContain('1 file checked: 1 Service, 1 Policy, no errors, 1 warning\n');
});
