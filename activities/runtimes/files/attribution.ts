import type { Stats } from 'node:fs';
import type { Attribution } from '../../../domain/drift/change';
import { runCommand } from '../../../platform/command';

const GETENT_TIMEOUT_MS = 5_000;
/** getent(1). */
const NO_SUCH_KEY = 2;
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

/** A number where the system knows no name; asked once per user. Null: it could not be asked. */
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
    () => {
      names.delete(uid);
      return null;
    },
  );
  names.set(uid, asked);
  return asked;
}
