/** `npm test [-- jest's arguments]`: set-up, all tests, and a last line that counts them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from './common.mjs';
import { ensureReady } from './setup.mjs';

/** Jest ends by itself right after the last test, unless something was left open. */
const EXIT_GRACE_MS = 30_000;

/** Most of the time a test of servers waits: for a timer, a sample, a process that starts. */
const WORKERS = availableParallelism();

/** Why tests are left out that need what a machine may not have, by their names. */
const LEFT_OUT = [
  {
    named: /redis/i,
    why: 'no redis-server is on the PATH (Debian: apt-get install redis-server)',
  },
  { named: /sshd/i, why: 'there is no sshd (Debian: apt-get install openssh-server)' },
];

await ensureReady();
const folder = mkdtempSync(join(tmpdir(), 'vigil-results-'));
const resultsPath = join(folder, 'results.json');
process.exitCode = 1;
try {
  const jestCode = await runJest([
    '--json',
    `--outputFile=${resultsPath}`,
    `--maxWorkers=${WORKERS}`,
    ...process.argv.slice(2),
  ]);
  process.exitCode = report(readResults(), jestCode);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runJest(args) {
  const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
  // Jest's own standard output is the JSON that the file has as well.
  const child = spawn(process.execPath, [jest, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const pass = (signal) => child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  const watch = setInterval(() => {
    if (readResults() === null) return;
    clearInterval(watch);
    setTimeout(() => {
      say('jest does not end: a test has left something open');
      child.kill('SIGTERM');
    }, EXIT_GRACE_MS).unref();
  }, 1000);
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status) => resolve(status ?? 1));
  });
  clearInterval(watch);
  return code;
}

function readResults() {
  try {
    return JSON.parse(readFileSync(resultsPath, 'utf8'));
  } catch {
    return null;
  }
}

/** A file that could not run counts as one failure; a run without any test is one, too. */
function report(results, jestCode) {
  const passed = results?.numPassedTests ?? 0;
  const failed = (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0);
  const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
  const left = results?.testResults.flatMap((file) => file.assertionResults) ?? [];
  for (const { named, why } of LEFT_OUT) {
    const tests = left.filter(
      ({ status, fullName }) => status === 'pending' && named.test(fullName),
    );
    if (tests.length === 0) continue;
    say(`${tests.length} ${tests.length === 1 ? 'test was' : 'tests were'} left out: ${why}`);
  }
  if (passed + failed === 0) say('no test ran');
  process.stdout.write(
    `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
  );
  return jestCode === 0 && failed === 0 && passed > 0 ? 0 : jestCode || 1;
}
