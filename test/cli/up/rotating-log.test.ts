import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRotatingLog } from '../../../cli/up/rotating-log';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('a full log moves up and the oldest goes', () => {
  const log = openRotatingLog(join(folder, 'a.log'), { maxBytes: 10, keep: 2 });
  for (const text of ['first\n', 'second\n', 'third\n', 'fourth\n']) log.write(text);
  log.close();
  expect(readdirSync(folder).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2']);
  expect([read('a.log'), read('a.log.1'), read('a.log.2')]).toEqual([
    'fourth\n',
    'third\n',
    'second\n',
  ]);
});

test('a log that is opened again goes on where it was', () => {
  for (const text of ['one\n', 'two\n']) {
    const log = openRotatingLog(join(folder, 'a.log'), { maxBytes: 100, keep: 2 });
    log.write(text);
    log.close();
  }
  expect(read('a.log')).toBe('one\ntwo\n');
});
