/** Compiles the sources to dist/, copies what is no TypeScript, and bundles the workflows. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fail, ROOT, say } from './common.mjs';

const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.built');
const BUNDLE = join(DIST, 'workflow-bundle.js');
const BUNDLE_STAMP = join(DIST, '.bundled');
const SOURCES = [
  'domain',
  'language',
  'platform',
  'storage',
  'activities',
  'workflows',
  'workers',
  'detector',
  'api',
  'gitops',
  'agent',
  'cli',
];
/** A change of these rebuilds everything. */
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'tools/build.mjs'];
const BUNDLED = ['domain', 'workflows'];
/** Read at run time from beside the compiled file. */
const ASSETS = /\.(sql|html|css|svg|ya?ml)$/;

export function isBuilt() {
  return readStamp(STAMP) === fingerprint([...SOURCES, ...SETTINGS]);
}

function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** Ends the process with the compiler's messages when a source does not compile. */
export async function build() {
  say('building …');
  // Taken before, so that an edit made during the build is built next time.
  const built = fingerprint([...SOURCES, ...SETTINGS]);
  rmSync(STAMP, { force: true });
  compile();
  removeOrphans(DIST);
  copyAssets();
  await bundleWorkflows();
  writeFileSync(STAMP, built);
}

function compile() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stderr.write(stdout);
  fail('the sources do not compile; the lines above say where');
}

/** A source that is gone must not live on as its compiled file. */
function removeOrphans(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeOrphans(path);
    else if (/\.js(\.map)?$/.test(entry.name) && path !== BUNDLE) {
      const source = path.slice(DIST.length + 1).replace(/\.js(\.map)?$/, '.ts');
      if (!existsSync(join(ROOT, source))) rmSync(path);
    }
  }
}

function copyAssets() {
  for (const path of SOURCES.flatMap(filesOf).filter((file) => ASSETS.test(file))) {
    mkdirSync(dirname(join(DIST, path)), { recursive: true });
    cpSync(join(ROOT, path), join(DIST, path));
  }
}

/** Webpack takes seconds, so an unchanged bundle is kept. */
async function bundleWorkflows() {
  const workflowsPath = join(DIST, 'workflows/index.js');
  if (!existsSync(workflowsPath)) return;
  const built = fingerprint([...BUNDLED, ...SETTINGS]);
  if (existsSync(BUNDLE) && readStamp(BUNDLE_STAMP) === built) return;
  const { bundleWorkflowCode } = createRequire(import.meta.url)('@temporalio/worker');
  const problems = [];
  const quiet = () => undefined;
  const logger = {
    ...{ log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet },
    error: (message) => problems.push(message),
  };
  try {
    const { code } = await bundleWorkflowCode({ workflowsPath, logger });
    writeFileSync(BUNDLE, code);
    writeFileSync(BUNDLE_STAMP, built);
  } catch (error) {
    fail(`the workflows cannot be bundled: ${[...problems, error.message].join('\n')}`);
  }
}

/** Paths, sizes and times of all files below; any change, addition or removal changes it. */
function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesOf)) {
    const { mtimeMs, size } = statSync(join(ROOT, path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function filesOf(path) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? filesOf(join(path, entry.name)) : [join(path, entry.name)],
    );
}
