import { execFileSync } from 'node:child_process';
import { CliFailure } from '../failure';

export interface Account {
  uid: number;
  gid: number;
}

const NAME = 'vigil';

/** PostgreSQL refuses to run as root: then it gets a system user of its own, else the caller's (null). */
export function postgresAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  return readAccount() ?? createAccount();
}

function readAccount(): Account | null {
  try {
    return { uid: Number(run('id', '-u', NAME)), gid: Number(run('id', '-g', NAME)) };
  } catch {
    return null;
  }
}

function createAccount(): Account {
  let why: unknown;
  try {
    run('useradd', '--system', '--user-group', '--no-create-home', '--shell', '/bin/false', NAME);
  } catch (error) {
    why = error;
  }
  // Also when it failed: another start may have made it at the same moment.
  const account = readAccount();
  if (account !== null) return account;
  throw new CliFailure(
    `PostgreSQL does not run as root, and a user "${NAME}" could not be made (${String(why)}); start as an ordinary user, or set DATABASE_URL`,
  );
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
