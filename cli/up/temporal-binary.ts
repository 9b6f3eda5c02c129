import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliFailure } from '../failure';
import { findOnPath, isExecutable } from './executables';
import { repositoryRoot } from './paths';
import { buildTemporal } from './temporal-build';
import { runTool } from './tool';

const VERSION = '1.8.2';
/** A download that brings nothing for this long is given up; one that moves may take its time. */
const DOWNLOAD_STALL_MS = 15_000;

export interface TemporalBinary {
  path: string;
  /** For people: where it came from. */
  origin: string;
}

export interface FindTemporal {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * `temporal` on the PATH, else the one in the user's cache, else the official download, else our
 * own build with Go (minutes, once per version). Throws CliFailure when there is no way.
 */
export async function findTemporal(options: FindTemporal): Promise<TemporalBinary> {
  const onPath = findOnPath('temporal', options.env);
  if (onPath !== null) return { path: onPath, origin: onPath };
  const folder = join(cacheFolder(options.env), 'vigil', 'temporal', VERSION);
  const path = join(folder, 'temporal');
  if (isExecutable(path)) return { path, origin: `${VERSION}, cached in ${folder}` };
  makeFolder(folder);
  const notDownloaded = await download(folder, path, options);
  if (notDownloaded === null) return { path, origin: `${VERSION}, downloaded to ${folder}` };
  options.say(
    `Temporal ${VERSION} could not be downloaded (${notDownloaded}); building it with Go`,
  );
  await buildTemporal(path, options);
  return { path, origin: `${VERSION}, built with Go in ${folder}` };
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const given = env['XDG_CACHE_HOME'];
  return given === undefined || given === '' ? join(homedir(), '.cache') : given;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliFailure(
      `the cache for Temporal's server cannot be made (${why}); set XDG_CACHE_HOME to a folder of yours`,
      1,
      { cause },
    );
  }
}

/**
 * Lets the SDK fetch the server, in a process of its own because the SDK offers no way to stop.
 * It starts the server once as well; the download is what is wanted.
 */
const DOWNLOAD_SCRIPT = `
  const { TestWorkflowEnvironment } = require('@temporalio/testing');
  const { Runtime, DefaultLogger } = require('@temporalio/worker');
  const [downloadDir, version] = process.argv.slice(1);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir, version } },
  }).then(
    async (environment) => { await environment.teardown(); process.exit(0); },
    (error) => { console.error(error.message); process.exit(1); },
  );
`;

/** Returns null when the binary is in place, else why it is not. */
async function download(
  folder: string,
  path: string,
  options: FindTemporal,
): Promise<string | null> {
  const partial = join(folder, `download.${process.pid}`);
  mkdirSync(partial, { recursive: true });
  options.say(`downloading Temporal ${VERSION} …`);
  try {
    await runTool({
      command: process.execPath,
      args: ['-e', DOWNLOAD_SCRIPT, partial, `v${VERSION}`],
      cwd: repositoryRoot(),
      env: options.env,
      signal: options.signal,
      stall: { afterMs: DOWNLOAD_STALL_MS, progress: () => folderSize(partial) },
    });
    const found = readdirSync(partial).find((name) => isExecutable(join(partial, name)));
    if (found === undefined) return 'the download left no executable';
    renameSync(join(partial, found), path);
    return null;
  } catch (error) {
    options.signal?.throwIfAborted();
    return rootOf(error);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The SDK nests its causes from left to right; the last two say what went wrong. */
function rootOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(': ').slice(-2).join(': ');
}

function folderSize(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
