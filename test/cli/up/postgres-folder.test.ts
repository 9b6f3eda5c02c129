import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresFolder } from '../../../cli/up/postgres-folder';

const NOW = new Date('2026-05-01T12:00:00Z');
let root: string;
let home: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vigil-root-'));
  home = join(root, 'home');
  mkdirSync(home);
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const forRoot = () => postgresFolder(home, true, { now: NOW, root });

test("an ordinary user's data is in the home", () => {
  expect(postgresFolder(home, false, { now: NOW, root })).toEqual({
    folder: join(home, 'postgres'),
    setAside: null,
  });
});

test("root's data is outside, in the same place at every start", () => {
  const first = forRoot();
  expect(first).toEqual({
    folder: expect.stringMatching(/\/[0-9a-f]{16}$/) as string,
    setAside: null,
  });
  expect(forRoot()).toEqual(first);
});

test('a home that was removed and made anew starts empty, and the old data is kept aside', () => {
  const { folder } = forRoot();
  writeFileSync(join(folder, 'data'), '');
  rmSync(home, { recursive: true });
  mkdirSync(home);
  const { setAside } = forRoot();
  expect(setAside).toBe(`${folder}.old-20260501120000`);
  expect(existsSync(join(`${folder}.old-20260501120000`, 'data'))).toBe(true);
  expect(existsSync(join(folder, 'data'))).toBe(false);
});
