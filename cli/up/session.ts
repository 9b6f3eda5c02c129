import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockHolder } from './lock';

/** Where a running `vigil up` says how to reach its servers; it holds passwords, so only its user may read it. */
function sessionPath(home: string): string {
  return join(home, 'session.json');
}

/** Returns its removal. */
export function writeSession(home: string, env: NodeJS.ProcessEnv): () => void {
  const path = sessionPath(home);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  writeFileSync(path, JSON.stringify(env, null, 2), { mode: 0o600 });
  return () => {
    rmSync(path, { force: true });
  };
}

/** The variables that point at the servers of a running `vigil up` of this home; {} when none runs. */
export function readSession(home: string): Record<string, string> {
  if (lockHolder(home) === null) return {};
  try {
    return JSON.parse(readFileSync(sessionPath(home), 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}
