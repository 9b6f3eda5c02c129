import { ConfigError } from './config-loader';
import { createLifecycle, type Lifecycle } from './lifecycle';
import type { Logger } from './logger';

/**
 * Runs a process's `main`. A broken configuration is told in its own lines, anything else with its
 * stack; either way the exit code is 1.
 */
export function runProcess(main: () => Promise<void> | void): void {
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
