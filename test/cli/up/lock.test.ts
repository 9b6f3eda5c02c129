import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockHolder, takeLock } from '../../../cli/up/lock';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-lock-'));
});
afterEach(() => {
  chmodSync(home, 0o700);
  rmSync(home, { recursive: true, force: true });
});

function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('a lock names its holder until it is released, and leaves no file', () => {
  const release = takeLock(home);
  expect(lockHolder(home)).toBe(process.pid);
  release();
  expect(lockHolder(home)).toBeNull();
  expect(readdirSync(home)).toEqual([]);
});

test('a home that is in use is refused in one line with the remedy', () => {
  const release = takeLock(home);
  expect(() => takeLock(home)).toThrow(/already runs in .* \(process \d+\).*VIGIL_PORT_OFFSET/);
  release();
});

test('the lock of a dead process is taken over', () => {
  writeFileSync(join(home, 'vigil.lock'), JSON.stringify({ pid: deadPid(), startTime: '1' }));
  const release = takeLock(home);
  expect(lockHolder(home)).toBe(process.pid);
  release();
});

test('a lock whose pid now belongs to another process is taken over', () => {
  writeFileSync(join(home, 'vigil.lock'), JSON.stringify({ pid: process.pid, startTime: '1' }));
  const release = takeLock(home);
  release();
  expect(existsSync(join(home, 'vigil.lock'))).toBe(false);
});

test('a lock file that makes no sense is taken over', () => {
  writeFileSync(join(home, 'vigil.lock'), 'half a li');
  takeLock(home)();
});

test('a home that cannot be made is refused with the remedy', () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  expect(() => takeLock(join(file, 'home'))).toThrow(/cannot be written .*VIGIL_HOME/);
});
