/** `npm run verify`: format, lint, types, architecture, dead code, unit tests; no server is needed. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fail, ROOT } from './common.mjs';
import { isInstalled } from './setup.mjs';

/** Only of steps whose answer for a file depends on contents alone; lint asks for the types of other files. */
const CACHE = join(ROOT, 'node_modules/.cache/verify');

/** A quarter of the time of lint, a sixth of that of types, goes into collecting garbage of a small heap. */
const LARGE_HEAP = ['--max-semi-space-size=64', '--initial-heap-size=2500'];

/** The slowest first, so that the short ones fill the gaps. */
const STEPS = [
  {
    name: 'lint',
    node: LARGE_HEAP,
    bin: 'eslint/bin/eslint.js',
    args: ['.', '--max-warnings=0'],
  },
  {
    name: 'types',
    node: LARGE_HEAP,
    bin: 'typescript/bin/tsc',
    args: [
      '--noEmit',
      '-p',
      '.',
      '--incremental',
      '--tsBuildInfoFile',
      `${CACHE}/types.tsbuildinfo`,
    ],
  },
  {
    name: 'unit tests',
    bin: 'jest/bin/jest.js',
    args: ['--silent', 'test/domain', 'test/language', 'test/platform'],
    env: { VIGIL_TEST_SERVERS: 'none' },
  },
  {
    name: 'format',
    bin: 'prettier/bin/prettier.cjs',
    args: [
      '--check',
      '.',
      '--log-level=warn',
      '--cache',
      `--cache-location=${CACHE}/format`,
      '--cache-strategy=content',
    ],
  },
  {
    name: 'architecture',
    bin: 'dependency-cruiser/bin/dependency-cruise.mjs',
    args: [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type=err',
      '--cache',
      `${CACHE}/architecture`,
      '--cache-strategy',
      'content',
      '.',
    ],
  },
  { name: 'dead code', bin: 'knip/bin/knip.js', args: [] },
];

if (!isInstalled()) fail('packages are missing or old: run npm ci');
const startedAt = performance.now();
const waiting = [...STEPS];
const failed = [];
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
const seconds = Math.round((performance.now() - startedAt) / 1000);
if (failed.length > 0) fail(`verify found problems: ${failed.join(', ')} (${seconds} s)`);
console.log(`verify: all good (${seconds} s)`);

async function worker() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await run(step);
}

async function run({ name, node = [], bin, args, env }) {
  const begin = performance.now();
  const child = spawn(process.execPath, [...node, join(ROOT, 'node_modules', bin), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (code === 0) return;
  failed.push(name);
  process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
}
