import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ObservedState } from '../../../domain/action/runtime';
import type { Attribution } from '../../../domain/drift/change';
import { pointerTo, tidyPath } from '../../../domain/drift/normalise';
import { runCommand } from '../../../platform/command';
import type { ConfigFiles } from './config-files';

const GETENT_TIMEOUT_MS = 5_000;
const MODE_BITS = 0o7777;

/** Of each file that is there, whose it is and when it was written last: who made it differ, where it does. */
export async function attributionOfFiles({
  files,
  folder,
}: ConfigFiles): Promise<Pick<ObservedState, 'attribution'>> {
  const all = await Promise.all(
    files.map(async ({ path }) => {
      const found = await attributionOf(resolve(folder, path));
      return found === null ? [] : [[pointerTo('config', tidyPath(path)), found] as const];
    }),
  );
  return files.length === 0 ? {} : { attribution: Object.fromEntries(all.flat()) };
}

async function attributionOf(path: string): Promise<Attribution | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  const owner = await nameOf(found.uid);
  const mode = (found.mode & MODE_BITS).toString(8).padStart(4, '0');
  return {
    ...{ from: 'file', by: owner, at: Math.floor(found.mtimeMs) },
    what: `written by ${owner}, mode ${mode}`,
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
