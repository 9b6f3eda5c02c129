import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runCommand } from '../../../platform/command';
import type { Git } from './command';

export interface VerifyConfig {
  mode: 'ssh' | 'gpg';
  /** Public keys, or files that hold them. */
  keys: readonly string[];
}

export type Signature = { kind: 'good'; by: string } | { kind: 'refused'; why: string };

const GPG_TIMEOUT_MS = 20_000;

/** Whether a commit is signed by one of the keys. */
export async function verifySignature(
  git: Git,
  commit: string,
  { mode, keys }: VerifyConfig,
): Promise<Signature> {
  // Short, because gpg's sockets live below it.
  const folder = await mkdtemp(join(tmpdir(), 'vigil-keys-'));
  try {
    const texts = await Promise.all(keys.map(keyText));
    const ring = mode === 'ssh' ? await sshRing(folder, texts) : await gpgRing(folder, texts);
    const told = await git(['log', '-1', '--format=%G?%x00%GS%x00%GK', commit], ring);
    const [grade = '', signer = '', key = ''] = told.trim().split('\0');
    if (ring.good.includes(grade)) return { kind: 'good', by: `${signer} (${key})` };
    return { kind: 'refused', why: GRADES[grade] ?? 'has no signature that can be checked' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What git is given so that it trusts these keys and no others, and which of its grades are good then. */
interface KeyRing {
  settings: Record<string, string>;
  env: Record<string, string>;
  good: readonly string[];
}

/** The letters of git's `%G?`. */
const GRADES: Readonly<Record<string, string>> = {
  N: 'is not signed',
  B: 'has a signature that does not fit its content',
  U: 'is signed by a key that is not listed',
  E: 'is signed by a key that is not listed',
  X: 'has a signature that has expired',
  Y: 'is signed by a key that has expired',
  R: 'is signed by a key that was revoked',
};

async function sshRing(folder: string, keys: readonly string[]): Promise<KeyRing> {
  const file = join(folder, 'allowed-signers');
  const lines = keys.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
  await writeFile(file, lines.map(signerLine).join('\n'));
  const settings = { 'gpg.format': 'ssh', 'gpg.ssh.allowedSignersFile': file };
  return { settings, env: {}, good: ['G'] };
}

/** `ssh-ed25519 AAAA… ann@example.com` → who it is, for what, and the key. */
function signerLine(line: string): string {
  const [type = '', key = '', comment = ''] = line.trim().split(/\s+/);
  const principal = /^[\w.@+-]+$/.test(comment) ? comment : 'signer';
  return `${principal} namespaces="git" ${type} ${key}`;
}

async function gpgRing(folder: string, keys: readonly string[]): Promise<KeyRing> {
  for (const [i, text] of keys.entries()) {
    const file = join(folder, `${i}.asc`);
    await writeFile(file, text);
    const imported = await runCommand(
      ['gpg', '--homedir', folder, '--batch', '--no-autostart', '--quiet', '--import', file],
      { timeoutMs: GPG_TIMEOUT_MS, env: { PATH: process.env['PATH'], LC_ALL: 'C' } },
    );
    if (imported.exitCode !== 0) throw new Error(`gpg cannot read key ${i + 1} of "verify.keys"`);
  }
  // Nobody has said that the owners of these keys are trusted; that they are listed says it.
  return { settings: { 'gpg.format': 'openpgp' }, env: { GNUPGHOME: folder }, good: ['G', 'U'] };
}

/** Inline, or a file of keys; what looks like a key is none. */
async function keyText(key: string): Promise<string> {
  const isInline = /^(ssh-|ecdsa-|sk-)|^-----BEGIN/.test(key.trim());
  if (isInline) return key;
  if (!existsSync(resolve(key))) throw new Error(`there is no key file ${key} ("verify.keys")`);
  return readFile(resolve(key), 'utf8');
}
