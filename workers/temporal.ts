import { Runtime as TemporalRuntime, DefaultLogger } from '@temporalio/worker';
import type { Logger } from '../platform/logger';

const RETRY_MS = 1000;

/** Keeps trying while Temporal is away; says so once. */
export async function whenReachable<T>(logger: Logger, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (err) {
      if (tries === 1) logger.warn({ err }, 'Temporal cannot be reached, trying again');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Temporal's own words go to our log, its chatter at debug; signals are left to the lifecycle. */
export function logTemporalThrough(logger: Logger): void {
  const levels = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  } as const;
  TemporalRuntime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      logger[levels[level]]({ ...meta }, message);
    }),
  });
}
