import {
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  lstatSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { RuntimeTarget } from '../../../../domain/action/runtime';
import type { Change } from '../../../../domain/drift/change';
import { driftOf } from '../../../../domain/drift/diff';
import { repairSpec, settledOf } from '../../../../domain/drift/repair';
import type { ConfigFile } from '../../../../domain/resource';
import { createBench, goOn, pidOf, request, SLEEPER, variableOf, type Bench } from './support';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.tearDown());

function contentFile(content: string): ConfigFile {
  return { kind: 'content', path: 'web.ini', content };
}

function iniPath(): string {
  return join(bench.home, 'web.ini');
}

test('a changed config file is put back with its mode, and the process goes on', async () => {
  const target = bench.target({}, { config: [contentFile('a=1\n')] });
  const before = await bench.runtime.ensureRunning(target);
  writeFileSync(iniPath(), 'a=2\n');
  chmodSync(iniPath(), 0o640);
  const asked = await request(bench, 'sync', { target });
  expect(await bench.runtime.findDone(asked)).toBeNull();
  const result = await bench.runtime.execute(asked, goOn);
  expect(result).toEqual({
    identity: before?.identity,
    summary: `wrote web.ini; pid ${pidOf(before?.identity)} runs as desired`,
  });
  expect(readFileSync(iniPath(), 'utf8')).toBe('a=1\n');
  expect(statSync(iniPath()).mode & 0o777).toBe(0o640);
  expect(await bench.runtime.findDone(asked)).toMatchObject({ identity: before?.identity });
});

test('a symbolic link stays one', async () => {
  mkdirSync(join(bench.home, 'shared'));
  const real = join(bench.home, 'shared', 'web.ini');
  writeFileSync(real, 'old');
  symlinkSync(real, iniPath());
  const target = bench.target({}, { config: [contentFile('new')] });
  await bench.runtime.ensureRunning(target);
  expect(lstatSync(iniPath()).isSymbolicLink()).toBe(true);
  expect(readFileSync(real, 'utf8')).toBe('new');
});

test('observed checksums tell the present content; a missing file has none', async () => {
  writeFileSync(iniPath(), '');
  const config: ConfigFile[] = [
    contentFile('a=1\n'),
    { kind: 'checksum', path: 'gone.ini', sha256: 'ab' },
  ];
  const { config: observed } = await bench.runtime.observe(bench.target({}, { config }));
  expect(observed).toEqual([
    { path: 'web.ini', sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
    { path: 'gone.ini', sha256: null },
  ]);
});

test('a file of which only the checksum is known is named, and the rest is put right', async () => {
  const config: ConfigFile[] = [
    contentFile('a=1\n'),
    { kind: 'checksum', path: 'licence.key', sha256: 'ab' },
  ];
  const target = bench.target({}, { config });
  await expect(
    bench.runtime.execute(await request(bench, 'sync', { target }), goOn),
  ).rejects.toThrow('licence.key differs');
  expect(readFileSync(iniPath(), 'utf8')).toBe('a=1\n');
  expect((await bench.runtime.inspect(target)).identity).not.toBeNull();
});

test.each([
  ['command', { command: [...SLEEPER, 'more'] }],
  ['environment', { env: { MODE: 'new' } }],
])('a changed %s restarts the process, once', async (_what, change) => {
  const before = await bench.runtime.ensureRunning(bench.target());
  const target = bench.target(change);
  const asked = await request(bench, 'sync', { target });
  expect(await bench.runtime.findDone(asked)).toBeNull();
  const after = await bench.runtime.execute(asked, goOn);
  expect(after.identity).not.toBe(before?.identity);
  expect(variableOf(after.identity, 'VIGIL_ACTION_ID')).toBe(asked.key);
  expect(await bench.runtime.findDone(asked)).toMatchObject({ identity: after.identity });
  expect(await bench.runtime.execute(asked, goOn)).toMatchObject({ identity: after.identity });
});

test('what is as desired is left alone', async () => {
  const target = bench.target({ env: { MODE: 'same' } });
  const before = await bench.runtime.ensureRunning(target);
  const after = await bench.runtime.execute(await request(bench, 'sync', { target }), goOn);
  expect(after.identity).toBe(before?.identity);
});

test('what does not run is started', async () => {
  const target = bench.target();
  const { identity } = await bench.runtime.execute(await request(bench, 'sync', { target }), goOn);
  expect((await bench.runtime.inspect(target)).identity).toBe(identity);
});

test('a variable that the manifest has dropped is drift, and one restart puts it right', async () => {
  await bench.runtime.ensureRunning(bench.target({ env: { MODE: 'a', DEBUG: 'yes' } }));
  const target = bench.target({ env: { MODE: 'a' } });
  expect(await drift(target)).toMatchObject([
    { pointer: '/env/DEBUG', kind: 'extra', observed: 'yes' },
  ]);
  const asked = await request(bench, 'sync', { target });
  const { identity } = await bench.runtime.execute(asked, goOn);
  expect(variableOf(identity, 'DEBUG')).toBeUndefined();
  expect(await drift(target)).toEqual([]);
  expect(await bench.runtime.execute(asked, goOn)).toMatchObject({ identity });
});

test('a dropped variable that is ignored restarts nothing', async () => {
  const before = await bench.runtime.ensureRunning(bench.target({ env: { DEBUG: 'yes' } }));
  const rules = { ignore: [{ path: '/env/DEBUG' }], owners: [], severity: [] };
  const target = bench.target({}, { drift: rules });
  expect(await drift(target)).toEqual([]);
  const observed = await bench.runtime.observe(target);
  // As the workflow does it before a step.
  const settled = settledOf(target.spec, observed, {});
  const repaired = { ...target, settled, spec: repairSpec(target.spec, observed, {}) };
  const asked = await request(bench, 'sync', { target: repaired });
  expect((await bench.runtime.execute(asked, goOn)).identity).toBe(before?.identity);
});

async function drift(target: RuntimeTarget): Promise<Change[]> {
  return driftOf(target.spec, await bench.runtime.observe(target), { sha256: () => '' });
}
