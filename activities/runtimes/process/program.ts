import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { TransientError } from '../../../domain/action/runtime';

const TRANSIENT = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY']);

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there; install it, correct `command`, or write its full path',
  EACCES: "it may not be executed; chmod +x it, or give Vigil's user the right",
  EPERM: "it may not be executed; give Vigil's user the right",
  ENOEXEC: 'it is no program of this machine; name its interpreter first',
};

/**
 * Finds out before anything is stopped whether a program could be started at all: a restart must
 * not take down what it cannot bring back. Throws an error that names the command and the remedy.
 */
export async function checkProgram(
  command: readonly string[],
  folder: string,
  path: string | undefined,
): Promise<void> {
  const [program] = command;
  if (program === undefined || program === '') throw new Error('`command` is empty');
  if (!(await isFolder(folder))) {
    throw new Error(`cannot start "${program}": its working folder ${folder} is not there`);
  }
  const places = program.includes('/')
    ? [resolve(folder, program)]
    : (path ?? '').split(delimiter).map((place) => join(resolve(folder, place), program));
  let reason = 'ENOENT';
  for (const place of places) {
    const problem = await problemOf(place);
    if (problem === null) return;
    if (problem !== 'ENOENT') reason = problem;
  }
  throw startError(command, { code: reason });
}

/** The error to throw when the system refused to start a command. */
export function startError(command: readonly string[], cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const remedy = REMEDIES[code] ?? 'see errno(3)';
  const message = `cannot start "${command[0] ?? ''}" (${code}): ${remedy}`;
  return TRANSIENT.has(code)
    ? new TransientError(message, { cause })
    : new Error(message, { cause });
}

async function problemOf(place: string): Promise<string | null> {
  try {
    await access(place, constants.X_OK);
    return (await isFolder(place)) ? 'EACCES' : null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR' ? 'ENOENT' : (code ?? 'ENOENT');
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
