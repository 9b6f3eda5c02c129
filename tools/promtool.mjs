/** The rule tester of Prometheus 3, which knows what PromQL means: given, cached, or built with Go. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from './common.mjs';

/** As in tools/promtool/go.mod; 0.313 is the library's number for Prometheus 3.13. */
export const PROMTOOL_VERSION = '0.313.5';
const PACKAGE = 'github.com/prometheus/prometheus/cmd/promtool';
const USUAL_GO = '/usr/local/go/bin/go';
const REPORT_EVERY_MS = 10_000;

/**
 * Path of an executable promtool: `PROMTOOL`, else the one in the user's cache, else our own build
 * (4–9 minutes on two cores, once per version). One on the PATH is never taken: distributions ship
 * Prometheus 2, whose windows have other edges. Throws an Error that says what to do.
 */
export async function findPromtool(env = process.env) {
  const given = env.PROMTOOL;
  if (given !== undefined && given !== '') {
    await refuseOld(given);
    return given;
  }
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'vigil', 'promtool', PROMTOOL_VERSION);
  const path = join(folder, 'promtool');
  if (isExecutable(path)) return path;
  mkdirSync(folder, { recursive: true });
  await build(path, env);
  return path;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A release says `version 3.x.y`; a build from the module has no version, and ours is known. */
async function refuseOld(path) {
  const lines = await run(path, ['--version']);
  const version = /version (\S*)/.exec(lines.join(' '))?.[1] ?? '';
  if (/^\d/.test(version) && !version.startsWith('3.')) {
    throw new Error(`PROMTOOL is version ${version}; Prometheus 3 is needed`);
  }
}

/** Beside its place first, so that nobody ever sees half a file. */
async function build(path, env) {
  const partial = `${path}.${process.pid}.partial`;
  const options = {
    cwd: join(ROOT, 'tools', 'promtool'),
    env: { ...env, CGO_ENABLED: '0' },
  };
  const go = isExecutable(USUAL_GO) ? USUAL_GO : 'go';
  const startedAt = performance.now();
  try {
    say('building promtool: fetching its sources (this is done once) …');
    const total = (await run(go, ['list', '-deps', PACKAGE], options)).length;
    let compiled = 0;
    const report = setInterval(() => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      say(`building promtool: ${compiled} of ${total} packages, ${seconds} s`);
    }, REPORT_EVERY_MS);
    const flags = ['build', '-v', '-trimpath', '-ldflags', '-s -w', '-o', partial, PACKAGE];
    const onLine = () => (compiled += 1);
    await run(go, flags, { ...options, onLine }).finally(() => clearInterval(report));
    renameSync(partial, path);
  } catch (cause) {
    throw new Error(
      `promtool could not be built (${cause.message}); set PROMTOOL to one of Prometheus 3`,
      { cause },
    );
  } finally {
    rmSync(partial, { force: true });
  }
}

/** The lines of standard output; those of standard error go to `onLine` and, on failure, the last into the error. */
async function run(command, args, { cwd, env, onLine = () => undefined } = {}) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let last = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => {
    for (const line of String(chunk).split('\n').filter(Boolean)) {
      last = line;
      onLine();
    }
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(last === '' ? `${command} ended with ${code}` : last);
  return output.split('\n').filter(Boolean);
}
