import { chmodSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CliFailure } from '../failure';
import { findOnPath, isExecutable } from './executables';
import { repositoryRoot } from './paths';
import { runTool } from './tool';

const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
const USUAL_GO = '/usr/local/go/bin/go';
const REPORT_EVERY_MS = 10_000;

/**
 * Builds Temporal's CLI with its dev server and Web UI from our wrapper module into `path`: about
 * four minutes on two cores. Says how far it is. Throws CliFailure.
 */
export async function buildTemporal(
  path: string,
  options: { env: NodeJS.ProcessEnv; say: (line: string) => void; signal?: AbortSignal },
): Promise<void> {
  const go = findGo(options.env);
  const partial = `${path}.${process.pid}.partial`;
  const common = {
    command: go,
    cwd: join(repositoryRoot(), 'tools', 'temporal'),
    env: { ...options.env, CGO_ENABLED: '0' },
    signal: options.signal,
  };
  const startedAt = performance.now();
  try {
    options.say('building Temporal: fetching its sources (this is done once) …');
    const total = (await runTool({ ...common, args: ['list', '-deps', PACKAGE] })).length;
    let compiled = 0;
    const report = setInterval(() => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      options.say(`building Temporal: ${compiled} of ${total} packages, ${seconds} s`);
    }, REPORT_EVERY_MS);
    try {
      await runTool({
        ...common,
        args: ['build', '-v', '-trimpath', '-ldflags', '-s -w', '-o', partial, PACKAGE],
        onLine: () => compiled++,
      });
    } finally {
      clearInterval(report);
    }
    chmodSync(partial, 0o755);
    renameSync(partial, path);
  } catch (cause) {
    options.signal?.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliFailure(
      `Temporal's server could not be built (${why}); install Temporal's CLI (https://docs.temporal.io/cli) or set TEMPORAL_ADDRESS`,
      1,
      { cause },
    );
  } finally {
    rmSync(partial, { force: true });
  }
}

function findGo(env: NodeJS.ProcessEnv): string {
  const go = findOnPath('go', env) ?? (isExecutable(USUAL_GO) ? USUAL_GO : null);
  if (go !== null) return go;
  throw new CliFailure(
    'there is no way to get a Temporal server: no download access, no `temporal` and no `go` on the PATH; install one of them (https://docs.temporal.io/cli) or set TEMPORAL_ADDRESS',
  );
}
