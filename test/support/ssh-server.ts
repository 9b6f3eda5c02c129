/** The system's sshd on a free loopback port, as the user of the test, with keys of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../cli/up/executables';
import { unusedPort } from './stack-ports';
import { waitFor } from './wait';

/** Where Debian keeps it; on the PATH of root alone. */
const SSHD = '/usr/sbin/sshd';
/** sshd does not start as root without it, and only its boot script makes it. */
const PRIVILEGE_FOLDER = '/run/sshd';

const hasSshd = existsSync(SSHD) && findOnPath('ssh', process.env) !== null;

/** `describe` for tests that need an sshd: left out, and counted as such, where there is none. */
export const describeWithSshd: jest.Describe = hasSshd ? describe : describe.skip;

export interface SshServer {
  /** Of a file of this machine, as git takes it. */
  urlOf: (path: string) => string;
  /** A line for a file of known hosts. */
  knownHost: string;
  /** Lets the owner of a public key in, and nobody else. */
  authorize: (publicKey: string) => void;
  close: () => Promise<void>;
}

export async function serveSsh(): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-sshd-'));
  const port = await unusedPort();
  const hostKey = createSshKey(join(folder, 'host'));
  const authorized = join(folder, 'authorized_keys');
  writeFileSync(authorized, '', { mode: 0o600 });
  const config = {
    ...{ ListenAddress: '127.0.0.1', Port: port, HostKey: hostKey.file, PidFile: 'none' },
    ...{ AuthorizedKeysFile: authorized, AuthenticationMethods: 'publickey', UsePAM: 'no' },
    // The folder is below /tmp, where others may write.
    ...{ StrictModes: 'no', PermitRootLogin: 'prohibit-password' },
  };
  const lines = Object.entries(config).map(([name, value]) => `${name} ${value}`);
  writeFileSync(join(folder, 'sshd_config'), lines.join('\n'));
  if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_FOLDER, { recursive: true, mode: 0o755 });
  const child = spawn(SSHD, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      resolve();
    }),
  );
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitFor('sshd', () => {
      if (child.exitCode !== null) throw new Error(`sshd ended: ${log}`);
      return log.includes('Server listening');
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    urlOf: (path) => `ssh://${userInfo().username}@127.0.0.1:${port}${path}`,
    knownHost: `[127.0.0.1]:${port} ${hostKey.key}`,
    authorize(publicKey) {
      writeFileSync(authorized, publicKey);
    },
    close,
  };
}

/** Makes a pair of keys: the file of the private one, the text of the public one. */
export function createSshKey(file: string): { file: string; key: string } {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a test', '-f', file]);
  return { file, key: readFileSync(`${file}.pub`, 'utf8') };
}
