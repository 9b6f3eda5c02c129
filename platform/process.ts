import { ConfigError, type ConfigSource } from './config-loader';
import { createLifecycle, type Lifecycle } from './lifecycle';
import type { Logger } from './logger';

/** Ends a process after it has read its configuration: 0, or 2 and every problem, one a line. */
const CHECK_FLAG = '--check-config';

export interface ProcessParts<Config> {
  /** Throws ConfigError. */
  load: (source: ConfigSource) => Config;
  run: (config: Config) => Promise<void> | void;
}

/**
 * Loads a process's configuration and runs it. A broken configuration is told in its own lines,
 * anything else with its stack; either way the exit code is 1. With `--check-config` nothing runs.
 */
export function runProcess<Config>({ load, run }: ProcessParts<Config>): void {
  const source = { env: process.env };
  const main = process.argv.includes(CHECK_FLAG)
    ? () => {
        checkConfig(() => load(source));
      }
    : () => run(load(source));
  const running = Promise.resolve().then(main);
  running.catch((error: unknown) => {
    const lines =
      error instanceof ConfigError
        ? error.problems
        : [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    process.stderr.write(`${lines.join('\n')}\n`);
    process.exit(1);
  });
}

function checkConfig(load: () => unknown): void {
  try {
    load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stdout.write(`${error.problems.join('\n')}\n`);
    process.exitCode = 2;
  }
}

/**
 * The lifecycle of a process: stops, last started first, on SIGTERM, SIGINT, or when the parent
 * that started it with a channel is gone; then exits with 0.
 */
export function createProcessLifecycle(logger: Logger): Lifecycle {
  const lifecycle = createLifecycle((step, err) => {
    logger.error({ step, err }, 'stopping failed');
  });
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    logger.info('stopping');
    void lifecycle.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
  return lifecycle;
}
