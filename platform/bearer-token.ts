import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { ConfigError } from './config-loader';

/** True for addresses that only this machine reaches; takes a host with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

/**
 * The bearer token of a process that serves HTTP, or null for anonymous access, which only a
 * loopback address may give. Throws ConfigError.
 * @param section of the configuration, for messages: `api`
 */
export function readToken(
  section: string,
  { host, tokenFile }: { host: string; tokenFile?: string | undefined },
): string | null {
  if (tokenFile === undefined) {
    if (isLoopback(host)) return null;
    throw new ConfigError([
      `${section}.host ${host} is reachable from other machines: set VIGIL_${section.toUpperCase()}_TOKEN_FILE to a file with a token, or listen on 127.0.0.1`,
    ]);
  }
  const token = readTokenFile(section, tokenFile);
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new ConfigError([
    `${section}.tokenFile ${tokenFile}: must hold one token of printable characters without spaces`,
  ]);
}

function readTokenFile(section: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([`${section}.tokenFile ${path}: cannot be read (${reason})`]);
  }
}

/** Compares an Authorization header in time that does not depend on where they differ. */
export function carriesToken(header: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
