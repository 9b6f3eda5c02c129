import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../../../activities/runtimes/files/make-folder';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-make-folder-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('makes a folder with all above it, also one that is there', async () => {
  const deep = join(folder, 'a/b/c');
  await Promise.all([makeFolder(deep), makeFolder(deep)]);
  await makeFolder(deep);
  expect(statSync(deep).isDirectory()).toBe(true);
});

it('fails where a file is in the way', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

it('fails where nobody can make one, instead of trying for ever', async () => {
  await expect(makeFolder('/proc/vigil/below')).rejects.toMatchObject({ code: 'ENOENT' });
});
