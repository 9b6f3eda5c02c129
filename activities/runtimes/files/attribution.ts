import type { Stats } from 'node:fs';
import type { Attribution } from '../../../domain/drift/change';
import { runCommand } from '../../../platform/command';

const GETENT_TIMEOUT_MS = 5_000;
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

const names = new Map<number, Promise<string>>();

/** A number where the system knows no name; asked once per user. */
function nameOf(uid: number): Promise<string> {
  const known = names.get(uid);
  if (known !== undefined) return known;
  const asked = runCommand(['getent', '--', 'passwd', String(uid)], {
    timeoutMs: GETENT_TIMEOUT_MS,
  }).then(
    ({ exitCode, stdout }) => (exitCode === 0 ? (stdout.split(':', 1)[0] ?? '') : String(uid)),
    () => String(uid),
  );
  names.set(uid, asked);
  return asked;
}
