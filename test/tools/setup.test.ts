import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { waitFor } from '../support/wait';

const TOOLS = ['setup', 'lock', 'build', 'common'];

/** Fails where another is at it, as two `npm ci` in one folder do. */
const INSTALL = 'cd .. && mkdir running && echo run >> runs && sleep 1 && rmdir running';

let checkout: string;
let started: ChildProcess[];

/** A checkout whose one package is a folder in it, so that npm needs no network. */
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'vigil-setup-'));
  started = [];
  for (const name of TOOLS)
    cpSync(resolve(`tools/${name}.mjs`), join(checkout, `tools/${name}.mjs`));
  const write = (path: string, value: object): void => {
    writeFileSync(join(checkout, path), JSON.stringify(value));
  };
  mkdirSync(join(checkout, 'part'));
  const part = { name: 'part', version: '1.0.0' };
  write('part/package.json', { ...part, scripts: { install: INSTALL } });
  const root = { name: 'checkout', version: '1.0.0', dependencies: { part: 'file:part' } };
  write('package.json', root);
  const packages = {
    '': root,
    part: { version: '1.0.0', hasInstallScript: true },
    'node_modules/part': { resolved: 'part', link: true },
  };
  write('package-lock.json', { ...root, lockfileVersion: 3, requires: true, packages });
  writeFileSync(
    join(checkout, 'install.mjs'),
    "import { ensureInstalled } from './tools/setup.mjs';\nawait ensureInstalled();\n",
  );
});
afterEach(() => {
  for (const child of started.filter(
    ({ exitCode, signalCode }) => (exitCode ?? signalCode) === null,
  ))
    killAll(child);
  rmSync(checkout, { recursive: true, force: true });
});

/** In a group of its own, which npm and its script are in, too. */
function install(): { child: ChildProcess; ended: Promise<unknown>; told: () => string } {
  const child = spawn(process.execPath, ['install.mjs'], { cwd: checkout, detached: true });
  started.push(child);
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as unknown, told }));
  return { child, ended, told: () => told };
}

function killAll({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

const runs = (): number => readFileSync(join(checkout, 'runs'), 'utf8').trim().split('\n').length;
const isLocked = (): boolean =>
  lstatSync(join(checkout, 'dist/.set-up.lock'), { throwIfNoEntry: false }) !== undefined;

it('installs once when several commands find that nothing is installed', async () => {
  const all = await Promise.all([install().ended, install().ended, install().ended]);
  expect(all).toEqual(all.map(() => expect.objectContaining({ code: 0 }) as unknown));
  expect(runs()).toBe(1);
  expect(isLocked()).toBe(false);
});

it('takes over from one that was killed at it', async () => {
  const first = install();
  await waitFor('an installation', () => existsSync(join(checkout, 'running')));
  const second = install();
  await waitFor('the second to wait', () =>
    second.told().includes(`waiting for process ${first.child.pid ?? 0}`),
  );
  killAll(first.child);
  await first.ended;
  rmdirSync(join(checkout, 'running'));
  expect(await second.ended).toMatchObject({ code: 0 });
  expect(runs()).toBe(2);
});

it('leaves no lock where the set-up fails, and tries again the next time', async () => {
  mkdirSync(join(checkout, 'running'));
  expect(await install().ended).toMatchObject({
    code: 1,
    told: expect.stringContaining('packages could not be installed') as string,
  });
  expect(isLocked()).toBe(false);
  rmdirSync(join(checkout, 'running'));
  expect(await install().ended).toMatchObject({ code: 0 });
});
