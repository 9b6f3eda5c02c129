import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-cli-'));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

/** A process of its own, since exit codes and streams are what is promised. */
function vigil(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const hook = join(__dirname, '../support/typescript-hook.cjs');
  const main = join(__dirname, '../../cli/main.ts');
  return spawnSync(process.execPath, ['-r', hook, main, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], VIGIL_HOME: home },
  });
}

test('help and version are no problem', () => {
  const help = vigil('--help');
  expect(help.status).toBe(0);
  for (const command of ['up', 'api', 'worker', 'gitops', 'agent', 'migrate', 'keys', 'status']) {
    expect(help.stdout).toContain(`  ${command} `);
  }
  expect(vigil('--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+/) as string,
  });
}, 60_000);

test('a command that does not exist is a mistake in usage', () => {
  expect(vigil('heal')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("unknown command 'heal'") as string,
  });
}, 60_000);

test('a problem is one line that names the remedy', () => {
  const { status, stderr } = vigil('migrate');
  expect(status).toBe(2);
  expect(stderr).toBe(
    'vigil: which database? set DATABASE_URL, or start `vigil up`, which migrates its own\n',
  );
}, 60_000);

test('keys are made, shown by their fingerprint, and rotated', () => {
  const shown = JSON.parse(vigil('keys', '--json').stdout) as { fingerprint: string };
  const rotated = JSON.parse(vigil('keys', 'rotate', '--json').stdout) as { fingerprint: string };
  expect(shown.fingerprint).toMatch(/^[0-9a-f]{16}$/);
  expect(rotated.fingerprint).not.toBe(shown.fingerprint);
  expect(JSON.parse(vigil('keys', '--json').stdout)).toMatchObject({
    fingerprint: rotated.fingerprint,
  });
}, 60_000);
