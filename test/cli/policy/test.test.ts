import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '../../../cli/commands/policy';
import { runCli } from '../support';

const RULES = `groups:
  - name: g
    rules: [{ alert: Down, expr: up == 0, for: 1m }]
`;

function tests(labels: string): string {
  return `rule_files: [rules*.yml]
tests:
  - name: one is down
    input_series: [{ series: 'up{host="a"}', values: 0x5 }]
    alert_rule_test:
      - { eval_time: 1m, alertname: Down, exp_alerts: [{ exp_labels: ${labels} }] }
  - name: none is
    alert_rule_test: [{ eval_time: 1m, alertname: Down }]
`;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-policy-test-'));
  writeFileSync(join(folder, 'rules.yml'), RULES);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

test('tests that hold are counted, over all files', async () => {
  const files = [write('a.yml', tests('{ host: a }')), write('b.yml', tests('{ host: a }'))];
  const { out, error } = await runCli(register, ['policy', 'test', ...files]);
  expect(out).toBe('4 passed, 0 failed in 2 files\n');
  expect(error).toBeNull();
});

test('a test that does not hold makes the command fail', async () => {
  const file = write('a.yml', tests('{ host: b }'));
  const { out, error } = await runCli(register, ['policy', 'test', file]);
  expect(out).toContain(`${file}:6:9: one is down: alert Down at 1m`);
  expect(out).toContain('1 passed, 1 failed in 1 file');
  expect(error).toMatchObject({ exitCode: 1 });
});

test('as JSON, with the numbers first', async () => {
  const file = write('a.yml', tests('{ host: b }'));
  const { out } = await runCli(register, ['policy', 'test', '--json', file]);
  expect(JSON.parse(out)).toMatchObject({
    passed: 1,
    failed: 1,
    errors: 0,
    files: [
      {
        file,
        tests: [
          {
            name: 'one is down',
            place: { file, line: 3 },
            failures: [
              {
                place: { file, line: 6, column: 9 },
                expected: ['{alertname="Down", host="b"}'],
                got: ['{alertname="Down", host="a"}'],
              },
            ],
          },
          { name: 'none is', failures: [] },
        ],
      },
    ],
  });
});

test('--run chooses tests by name, and one that chooses none is a mistake', async () => {
  const file = write('a.yml', tests('{ host: b }'));
  const some = await runCli(register, ['policy', 'test', '--run', '^none', file]);
  expect(some.out).toBe('1 passed, 0 failed in 1 file\n');
  const none = await runCli(register, ['policy', 'test', '--run', 'nothing', file]);
  expect(none.error).toMatchObject({ exitCode: 2, message: "no test's name matches nothing" });
  const bad = await runCli(register, ['policy', 'test', '--run', '(', file]);
  expect(bad.error).toMatchObject({ exitCode: 2 });
});

test('a file that is not there is a mistake of the command line', async () => {
  const { error } = await runCli(register, ['policy', 'test', join(folder, 'nothing.yml')]);
  expect(error).toMatchObject({ exitCode: 2 });
});

test('a file that cannot be read as tests makes the command fail', async () => {
  const { out, error } = await runCli(register, ['policy', 'test', write('x.yml', '')]);
  expect(out).toContain('x.yml:1:1: the file holds no tests');
  expect(error).toMatchObject({ exitCode: 1 });
});
