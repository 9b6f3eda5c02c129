import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { SourceAwayError } from '../source';

/** How a repository is reached, as configured. */
export interface Access {
  url: string;
  /** What git must be set to for it; files are read anew each time, so that a token can be rotated. */
  settings: () => Promise<Record<string, string>>;
  sshKeyFile: string | undefined;
  knownHostsFile: string | undefined;
}

export interface Credentials {
  username?: string | undefined;
  tokenFile?: string | undefined;
  sshKeyFile?: string | undefined;
  knownHostsFile?: string | undefined;
  credentialsFile?: string | undefined;
}

/** Who logs in with a token, where the host does not care: as GitHub and GitLab take it. */
const TOKEN_USER = 'x-access-token';

export function createAccess(given: string, credentials: Credentials = {}): Access {
  const {
    username = TOKEN_USER,
    tokenFile,
    sshKeyFile,
    knownHostsFile,
    credentialsFile,
  } = credentials;
  const url = isLocal(given) ? resolve(given) : given;
  return {
    url,
    sshKeyFile,
    knownHostsFile,
    async settings() {
      const found: Record<string, string> = {};
      if (isLocal(given) || given.startsWith('file:')) found['protocol.file.allow'] = 'always';
      if (tokenFile !== undefined) {
        const token = await secretOf(tokenFile);
        const basic = Buffer.from(`${username}:${token}`).toString('base64');
        found[`http.${originOf(url)}.extraHeader`] = `Authorization: Basic ${basic}`;
      }
      if (credentialsFile !== undefined) {
        found['credential.helper'] = `store --file=${quoted(resolve(credentialsFile))}`;
      }
      return found;
    },
  };
}

/** Why git must not be given that address, or null. */
export function whyNotUrl(url: string): string | null {
  if (url.startsWith('-') || /^[a-z0-9+.-]+::/i.test(url)) return 'is no address of a repository';
  if (isLocal(url) || isScp(url)) return null;
  if (!URL.canParse(url)) return 'must be https://…, ssh://…, user@host:path or a folder';
  const { protocol, password, username } = new URL(url);
  if (!['https:', 'http:', 'ssh:', 'file:'].includes(protocol)) {
    return `must be https, ssh or a folder, not ${protocol.slice(0, -1)}`;
  }
  const isSecret = password !== '' || (username !== '' && protocol !== 'ssh:');
  return isSecret ? 'must hold no credentials: name a file with them in "auth"' : null;
}

/** Null: not a host, but a folder of this machine. */
export interface Place {
  host: string | null;
  /** Without `.git` and slashes around it. */
  path: string;
}

/** Where a repository is, the same for each way to write its address. */
export function placeOf(url: string): Place {
  const scp = isScp(url) ? /^(?:[^@/]+@)?([^:/]+):(.*)$/.exec(url) : null;
  if (scp !== null) return { host: (scp[1] ?? '').toLowerCase(), path: tidy(scp[2] ?? '') };
  if (!URL.canParse(url)) return { host: null, path: tidy(url) };
  const { hostname, pathname, protocol } = new URL(url);
  return { host: protocol === 'file:' ? null : hostname.toLowerCase(), path: tidy(pathname) };
}

function tidy(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
}

function isLocal(url: string): boolean {
  return isAbsolute(url) || url.startsWith('./') || url.startsWith('../') || existsSync(url);
}

function isScp(url: string): boolean {
  return !url.includes('://') && /^(?:[\w.-]+@)?[\w.-]+:(?!\/\/)/.test(url);
}

function originOf(url: string): string {
  return `${new URL(url).origin}/`;
}

async function secretOf(file: string): Promise<string> {
  const text = await readFile(resolve(file), 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new SourceAwayError(`the token cannot be read: ${code ?? 'error'} for ${file}`);
  });
  if (text.trim() === '') throw new SourceAwayError(`the file of the token is empty: ${file}`);
  return text.trim();
}

/** Never asks, and takes no host that is not known. */
export function sshCommand({ sshKeyFile, knownHostsFile }: Access): string {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=yes', 'ConnectTimeout=10'];
  if (sshKeyFile !== undefined) options.push('IdentitiesOnly=yes');
  if (knownHostsFile !== undefined) {
    options.push(`UserKnownHostsFile=${quoted(resolve(knownHostsFile))}`);
  }
  const key = sshKeyFile === undefined ? [] : ['-i', quoted(resolve(sshKeyFile))];
  return ['ssh', '-F', '/dev/null', ...options.flatMap((one) => ['-o', one]), ...key].join(' ');
}

/** For the shell that git gives its commands to. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const REASONS: readonly [RegExp, string][] = [
  [
    /could not read Username|Authentication failed|error: 401|error: 403/i,
    'the repository refused the credentials: check "auth"',
  ],
  [
    /Identity file .* not accessible|no such identity: |^Load key |UNPROTECTED PRIVATE KEY FILE/im,
    'the ssh key cannot be read: check "auth.sshKeyFile"',
  ],
  [/Permission denied \(/i, 'the repository refused the ssh key: check "auth.sshKeyFile"'],
  [
    /HOST IDENTIFICATION HAS CHANGED/,
    'the host shows another key than "auth.knownHostsFile" has: it may be somebody else',
  ],
  [/Host key verification failed/i, 'the host is not known: add its key to "auth.knownHostsFile"'],
  [/Could not resolve host/i, 'the host of the repository cannot be found'],
  [
    /Connection refused|Connection timed out|Failed to connect|Connection reset/i,
    'the repository cannot be reached',
  ],
  [
    /error: 30\d|unable to update url base from redirection/i,
    'the repository has moved: git is given the new address only by a person',
  ],
  [
    /not found|does not exist|does not appear to be a git repository|No such file/i,
    'there is no repository at that address',
  ],
];

/** What went wrong with a remote, in words of a person. */
export function asAway(error: unknown, url: string): Error {
  if (error instanceof SourceAwayError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const reason = REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? firstLine(text);
  return new SourceAwayError(`${reason} (${url})`, { cause: error });
}

function firstLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.find((line) => /^(fatal|error):/.test(line)) ?? lines[0] ?? 'git failed';
}
