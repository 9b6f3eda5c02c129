import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesMatching } from '../../cli/glob';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-glob-'));
  for (const name of ['a', 'b/c']) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['one.yml', 'two.yml', 'x.yaml', 'a/one.yml', 'b/c/one.yml', 'a[1].yml']) {
    writeFileSync(join(folder, name), '');
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each([
  ['one.yml', ['one.yml']],
  ['./one.yml', ['one.yml']],
  ['*.yml', ['a[1].yml', 'one.yml', 'two.yml']],
  ['*/one.yml', ['a/one.yml']],
  ['*/*/*.yml', ['b/c/one.yml']],
  ['t?o.yml', ['two.yml']],
  ['[ot]*.yml', ['one.yml', 'two.yml']],
  ['b/../one.yml', ['one.yml']],
  ['x.y*', ['x.yaml']],
  ['*', ['a[1].yml', 'one.yml', 'two.yml', 'x.yaml']],
  ['nothing/*.yml', []],
  ['[z-a].yml', []],
])('%s', (pattern, files) => {
  expect(filesMatching(pattern, folder)).toEqual(files.map((file) => join(folder, file)));
  expect(filesMatching(join(folder, pattern), '/nowhere')).toHaveLength(files.length);
});
