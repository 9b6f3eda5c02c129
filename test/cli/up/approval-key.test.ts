import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ensureApprovalKey,
  readApprovalKey,
  rotateApprovalKey,
} from '../../../cli/up/approval-key';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vigil-keys-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

test('the key is 32 random bytes in hex that only its owner can read', () => {
  const { path } = ensureApprovalKey(home);
  expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a key that is there stays', () => {
  const first = ensureApprovalKey(home);
  expect(ensureApprovalKey(home)).toEqual(first);
});

test('rotating replaces the key', () => {
  const first = ensureApprovalKey(home);
  const second = rotateApprovalKey(home);
  expect(second.fingerprint).not.toBe(first.fingerprint);
  expect(readApprovalKey(home)).toEqual(second);
});

test('no key is no error, a key folder that cannot be is one with the remedy', () => {
  expect(readApprovalKey(home)).toBeNull();
  writeFileSync(join(home, 'keys'), '');
  expect(() => ensureApprovalKey(home)).toThrow(/check its permissions/);
});
