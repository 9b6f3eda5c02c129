import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { register } from '../../../cli/commands/check';
import { NEITHER } from '../../../cli/check/kind';
import { runCli } from '../support';

const POLICY = `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: busy }
spec: { condition: 'avg_over_time(cpu_usage[2d]) > 80%', action: restart }
`;

const home = process.cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-check-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(home);
  delete process.env['CONFIG_PATH'];
  rmSync(folder, { recursive: true });
});

function write(file: string, text: string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

test('every process tells what is wrong with its part, and what all would say is said once', async () => {
  const file = write(
    'bad.yaml',
    `log: { level: loud }
apii: {}
api: { port: many, hots: x, prot: 1 }
worker: { port: 70000 }
gitops: { interval: soon }
agent: { apiUrl: nowhere }
`,
  );
  const { out, error } = await runCli(register, ['check', file]);
  const places = out.match(/^bad\.yaml:\d+:\d+: \S+ \S+/gm);
  expect(places).toEqual([
    'bad.yaml:1:8: log.level: Invalid',
    'bad.yaml:2:1: unknown section',
    'bad.yaml:3:8: api.port: Invalid',
    'bad.yaml:3:20: api.hots: unknown',
    'bad.yaml:3:29: api.prot: unknown',
    'bad.yaml:4:11: worker.port: Too',
    'bad.yaml:5:11: gitops.interval: "soon"',
    'bad.yaml:6:10: agent.apiUrl: Invalid',
  ]);
  expect(out).toContain('8 problems in 1 file\n');
  expect(error).toMatchObject({ exitCode: 1 });
}, 60_000);

test('without paths, manifests/, configs/ and CONFIG_PATH are checked, and the retention of a configuration counts', async () => {
  write('manifests/busy.yaml', POLICY);
  write('configs/api.yaml', 'api: { retention: 1d }\n');
  process.env['CONFIG_PATH'] = write('vigil.yaml', '');
  const { out } = await runCli(register, ['check', '--json']);
  expect(JSON.parse(out)).toMatchObject({
    files: 3,
    configurations: 2,
    problems: [
      {
        file: 'manifests/busy.yaml',
        message: expect.stringContaining('kept for 1 days') as string,
      },
    ],
  });
}, 60_000);

test('what the shell sets does not hide what is wrong in the file', async () => {
  process.env['LOG_LEVEL'] = 'info';
  const { out } = await runCli(register, ['check', write('a.yaml', 'log: { level: loud }\n')]);
  delete process.env['LOG_LEVEL'];
  expect(out).toMatch(/^a\.yaml:1:8: log\.level/);
}, 60_000);

test.each([['services: {}\n'], ['- a\n'], ['text\n']])(
  'a file that is neither is told so: %j',
  async (text) => {
    const { out, error } = await runCli(register, ['check', write('other.yaml', text)]);
    expect(out).toBe(`other.yaml:1:1: ${NEITHER}\n1 problem in 1 file\n`);
    expect(error).toMatchObject({ exitCode: 1 });
  },
);
