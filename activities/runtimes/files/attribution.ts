import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Attribution } from '../../../domain/drift/change';
import { runCommand } from '../../../platform/command';

const GETENT_TIMEOUT_MS = 5_000;
/** getent(1). */
const NO_SUCH_KEY = 2;
/** Small images have no getent: they will not have one at the next look, either. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);
const MODE_BITS = 0o7777;

/** Whose a file is and when it was written last: who made it differ, where it does. */
export async function writtenBy({ uid, mode, mtimeMs }: Stats): Promise<Attribution> {
  const owner = await nameOf(uid);
  const digits = (mode & MODE_BITS).toString(8).padStart(4, '0');
  return {
    ...{ from: 'file', by: owner, at: Math.floor(mtimeMs) },
    what: `written, mode ${digits}`,
  };
}

const names = new Map<number, Promise<string | null>>();

/** A number where the system knows no name; asked once per user. Null: it gave no answer. */
function nameOf(uid: number): Promise<string | null> {
  const known = names.get(uid);
  if (known !== undefined) return known;
  const asked = runCommand(['getent', '--', 'passwd', String(uid)], {
    timeoutMs: GETENT_TIMEOUT_MS,
  }).then(
    ({ exitCode, stdout }) => {
      if (exitCode === 0) return stdout.split(':', 1)[0] ?? '';
      if (exitCode === NO_SUCH_KEY) return String(uid);
      names.delete(uid);
      return null;
    },
    (error: unknown) => {
      if (NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return nameInFile(uid);
      names.delete(uid);
      return null;
    },
  );
  names.set(uid, asked);
  return asked;
}

async function nameInFile(uid: number): Promise<string> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const entries = text.split('\n').map((line) => line.split(':'));
  return entries.find(([, , id]) => id === String(uid))?.[0] ?? String(uid);
}
