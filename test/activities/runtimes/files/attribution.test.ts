/** Whose a file is, on machines that cannot always tell: each in a process of its own, for its own PATH. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HOOK = join(__dirname, '../../../support/typescript-hook.cjs');
const MODULE = join(__dirname, '../../../../activities/runtimes/files/attribution.ts');
const NOBODYS = 54_321;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-getent-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Asked twice; `before` runs in between. */
function owners(uid: number, between = ''): (string | null)[] {
  const program = `
    const { writtenBy } = require(${JSON.stringify(MODULE)});
    const ask = () => writtenBy({ uid: ${uid}, mode: 0o100644, mtimeMs: 0 });
    (async () => {
      const first = await ask();
      ${between}
      const second = await ask();
      process.stdout.write(JSON.stringify([first.by, second.by]));
    })();`;
  const told = execFileSync(process.execPath, ['-r', HOOK, '-e', program], {
    env: { PATH: folder },
    encoding: 'utf8',
  });
  return JSON.parse(told) as (string | null)[];
}

function getent(lines: string, mode = 0o755): string {
  const path = join(folder, 'getent');
  writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode });
  return path;
}

test('without getent it is known all the same, and nobody asks again', () => {
  const late = `require('fs').writeFileSync(${JSON.stringify(join(folder, 'getent'))}, '#!/bin/sh\\necho late:', { mode: 0o755 });`;
  expect(owners(NOBODYS, late)).toEqual([String(NOBODYS), String(NOBODYS)]);
  rmSync(join(folder, 'getent'));
  expect(owners(0)).toEqual(['root', 'root']);
});

test('one that may not be run is none', () => {
  getent('echo never:', 0o644);
  expect(owners(NOBODYS)).toEqual([String(NOBODYS), String(NOBODYS)]);
});

test('one that fails tells nothing, and is asked again', () => {
  const path = getent('exit 3');
  const mended = `require('fs').writeFileSync(${JSON.stringify(path)}, '#!/bin/sh\\necho deploy:');`;
  expect(owners(NOBODYS, mended)).toEqual([null, 'deploy']);
});

test('what the system does not know is a number', () => {
  getent('exit 2');
  expect(owners(NOBODYS)).toEqual([String(NOBODYS), String(NOBODYS)]);
});
