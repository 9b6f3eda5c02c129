import { setTimeout as pause } from 'node:timers/promises';
import type { DockerSpec } from '../../../domain/runtime-spec';
import type { Engine } from './engine';

const POLL_MS = 100;

export type Becoming = { kind: 'healthy' } | { kind: 'unhealthy'; why: string };

/**
 * Waits until a container is healthy: what its health check says, or without one that it runs for
 * `runningFor`. One that ended, or that the check gave up, is unhealthy at once.
 */
export async function becomeHealthy(
  engine: Engine,
  id: string,
  { healthyWithin, runningFor }: Pick<DockerSpec, 'healthyWithin' | 'runningFor'>,
): Promise<Becoming> {
  const began = performance.now();
  for (;;) {
    const info = await engine.inspect(id);
    const elapsed = performance.now() - began;
    if (info === null) return unhealthy('it was removed');
    const { Running, ExitCode, Error: reason } = info.State;
    if (!Running) {
      return unhealthy(`it ended with code ${ExitCode}${reason === '' ? '' : `: ${reason}`}`);
    }
    const check = info.State.Health;
    if (check === undefined || check.Status === 'none') {
      if (elapsed >= runningFor) return { kind: 'healthy' };
    } else if (check.Status === 'healthy') {
      return { kind: 'healthy' };
    } else if (check.Status === 'unhealthy') {
      return unhealthy(`its health check failed ${check.FailingStreak} times`);
    } else if (elapsed >= healthyWithin) {
      return unhealthy(`its health check did not succeed within ${healthyWithin} ms`);
    }
    await pause(POLL_MS);
  }
}

function unhealthy(why: string): Becoming {
  return { kind: 'unhealthy', why };
}
