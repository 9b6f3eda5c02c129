import { createProcessRuntime, type ProcessRuntime } from '../activities/runtimes/process/runtime';
import type { Runtime } from '../domain/action/runtime';
import type { WorkerConfig } from './config';

export interface Runtimes {
  processes: ProcessRuntime;
  /** All of them, by type. */
  byType: ReadonlyMap<string, Runtime>;
}

/** The runtimes of this machine, the same on the control host and on every other one. */
export function createRuntimes(config: Pick<WorkerConfig, 'home'>): Runtimes {
  const processes = createProcessRuntime({ home: config.home, now: Date.now });
  const all: Runtime[] = [processes];
  return { processes, byType: new Map(all.map((one) => [one.catalogue.type, one])) };
}
