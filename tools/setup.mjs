/**
 * What a command of this repository needs before it can run: packages as in the lock file, and a
 * build as new as the sources. Costs well under 100 ms when there is nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, isBuilt } from './build.mjs';
import { fail, ROOT, say } from './common.mjs';
import { alone, isTaken } from './lock.mjs';

const NODE_FLOOR = [20, 19];

/** Installs and builds where that is needed. Ends the process with one clear line when it cannot. */
export async function ensureReady() {
  requireNode();
  if (!isTaken() && isInstalled() && isBuilt()) return;
  await alone(async () => {
    if (!isInstalled()) install();
    if (!isBuilt()) await build();
  });
}

export async function ensureInstalled() {
  requireNode();
  if (!isTaken() && isInstalled()) return;
  await alone(() => {
    if (!isInstalled()) install();
  });
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor < NODE_FLOOR[1])) {
    fail(`Node ${NODE_FLOOR.join('.')} or newer is needed; this is ${process.versions.node}`);
  }
}

/** Whether node_modules has what the lock file says; compares contents, since times lie after a checkout. */
export function isInstalled() {
  const hidden = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = readPackages(hidden);
  return Object.entries(readPackages(join(ROOT, 'package-lock.json'))).every(([path, wanted]) => {
    const found = installed[path];
    if (found === undefined) return path === '' || wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

function install() {
  say('installing packages (npm ci) …');
  const args = ['ci', '--include=dev', '--no-fund', '--no-audit', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const [command, ...rest] =
    npm === undefined ? ['npm', ...args] : [process.execPath, npm, ...args];
  const { status, error } = spawnSync(command, rest, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status === 0) return;
  const why = error === undefined ? `npm ci ended with ${status}` : error.message;
  fail(`packages could not be installed (${why}); the lines above say why: is there a network?`);
}
