import { createHash, randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CliFailure } from '../failure';

const KEY_BYTES = 32;

export interface ApprovalKey {
  path: string;
  /** First 16 hex digits of the key's SHA-256: tells keys apart without showing them. */
  fingerprint: string;
  /** Epoch ms. */
  madeAt: number;
}

export function approvalKeyPath(home: string): string {
  return join(home, 'keys', 'approval.key');
}

/** Makes the key that signs decisions, unless there is one. Throws CliFailure. */
export function ensureApprovalKey(home: string): ApprovalKey {
  return write(home, (draft, path) => {
    try {
      // link() never replaces: of two that start together, one key stays.
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  });
}

/** Replaces the key; decisions signed with the old one are no longer accepted. Throws CliFailure. */
export function rotateApprovalKey(home: string): ApprovalKey {
  return write(home, renameSync);
}

/** The key that is there, or null. */
export function readApprovalKey(home: string): ApprovalKey | null {
  const path = approvalKeyPath(home);
  try {
    const key = readFileSync(path, 'utf8').trim();
    const fingerprint = createHash('sha256').update(key).digest('hex').slice(0, 16);
    return { path, fingerprint, madeAt: statSync(path).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unusable(path, error);
  }
}

function write(home: string, place: (draft: string, path: string) => void): ApprovalKey {
  const path = approvalKeyPath(home);
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600 });
    place(draft, path);
  } catch (error) {
    throw unusable(path, error);
  }
  rmSync(draft, { force: true });
  const key = readApprovalKey(home);
  if (key === null) throw new CliFailure(`${path} has gone again; is something else clearing it?`);
  return key;
}

function unusable(path: string, cause: unknown): CliFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CliFailure(`the key ${path} cannot be used (${why}); check its permissions`, 1, {
    cause,
  });
}
