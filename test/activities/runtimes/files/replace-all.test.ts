import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HalfDoneError,
  replaceAll,
  type FileState,
} from '../../../../activities/runtimes/files/replace-all';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-files-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function state(content: string): FileState {
  return { content: Buffer.from(content), mode: 0o644, owner: null, isOwnerWanted: false };
}

function path(name: string): string {
  return join(folder, name);
}

function read(name: string): string {
  return readFileSync(path(name), 'utf8');
}

test('files are replaced, made and taken away together', async () => {
  writeFileSync(path('a'), 'old a');
  writeFileSync(path('b'), 'old b');
  await replaceAll([
    { path: path('a'), from: state('old a'), to: state('new a') },
    { path: path('b'), from: state('old b'), to: null },
    { path: path('c'), from: null, to: state('new c') },
  ]);
  expect(readdirSync(folder).sort()).toEqual(['a', 'c']);
  expect([read('a'), read('c')]).toEqual(['new a', 'new c']);
});

test('when the last rename fails, those before it are taken back', async () => {
  writeFileSync(path('a'), 'old a');
  // A file cannot be renamed over a folder that is not empty.
  mkdirSync(path('c/full'), { recursive: true });
  const attempt = replaceAll([
    { path: path('a'), from: state('old a'), to: state('new a') },
    { path: path('b'), from: null, to: state('new b') },
    { path: path('c'), from: null, to: state('new c') },
  ]);
  await expect(attempt).rejects.toThrow(/rename/);
  await expect(attempt).rejects.not.toBeInstanceOf(HalfDoneError);
  expect(readdirSync(folder).sort()).toEqual(['a', 'c']);
  expect(read('a')).toBe('old a');
});

test('nothing is replaced when one of them cannot even be written', async () => {
  writeFileSync(path('a'), 'old a');
  const attempt = replaceAll([
    { path: path('a'), from: state('old a'), to: state('new a') },
    { path: path('nowhere/b'), from: null, to: state('new b') },
  ]);
  await expect(attempt).rejects.toThrow('ENOENT');
  expect(readdirSync(folder)).toEqual(['a']);
  expect(read('a')).toBe('old a');
});
