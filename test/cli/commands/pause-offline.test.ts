import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '../../../cli/commands/pause';
import { pausedByFile } from '../../../activities/pause-file';
import { runCli, type Run } from '../support';

let home: string;
const before = process.env['VIGIL_HOME'];
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'vigil-pause-')), 'home');
  process.env['VIGIL_HOME'] = home;
  // Nothing listens there.
  process.env['VIGIL_API_URL'] = 'http://127.0.0.1:1';
});
afterEach(() => {
  rmSync(join(home, '..'), { recursive: true });
  delete process.env['VIGIL_API_URL'];
  if (before === undefined) delete process.env['VIGIL_HOME'];
  else process.env['VIGIL_HOME'] = before;
});

function run(...args: string[]): Promise<Run> {
  return runCli(register, args);
}

test('--offline pauses and resumes the workers of a home while no server runs', async () => {
  const { out } = await run('pause', '--offline', '--reason', 'the disk is swapped');
  expect(out).toBe(`no worker of ${home} acts until ./vigil resume --offline (${home}/PAUSE)\n`);
  expect(readFileSync(join(home, 'PAUSE'), 'utf8')).toBe('the disk is swapped\n');
  expect(pausedByFile(home)).toBe('the disk is swapped');
  expect((await run('resume', '--offline')).out).toBe(`workers of ${home} act again\n`);
  expect(pausedByFile(home)).toBeNull();
  expect((await run('resume', '--offline')).error).toBeNull();
});

test.each([
  [['pause', 'web', '--offline']],
  [['pause', '--offline', '--for', '10m']],
  [['resume', 'web', '--offline']],
])('%j: a file knows neither resources nor clocks', async (args) => {
  expect((await run(...args)).error).toMatchObject({ exitCode: 2 });
  expect(pausedByFile(home)).toBeNull();
});
