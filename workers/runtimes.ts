import { createConfigRuntime } from '../activities/runtimes/config/runtime';
import { createDockerRuntime } from '../activities/runtimes/docker/runtime';
import { createExternalRuntime } from '../activities/runtimes/external/runtime';
import { createProcessRuntime, type ProcessRuntime } from '../activities/runtimes/process/runtime';
import { createScriptRuntime } from '../activities/runtimes/script/runtime';
import { createSystemdRuntime } from '../activities/runtimes/systemd/runtime';
import { createWebhookRuntime } from '../activities/runtimes/webhook/runtime';
import type { Runtime } from '../domain/action/runtime';
import type { WorkerConfig } from './config';

export interface Runtimes {
  processes: ProcessRuntime;
  /** All of them, by type. */
  byType: ReadonlyMap<string, Runtime>;
}

/** The runtimes of this machine, the same on the control host and on every other one. */
export function createRuntimes({ home, worker }: Pick<WorkerConfig, 'home' | 'worker'>): Runtimes {
  const here = { home, now: Date.now };
  const processes = createProcessRuntime(here);
  const all: Runtime[] = [
    processes,
    createDockerRuntime({ ...here, socket: worker.docker.socket }),
    createSystemdRuntime(here),
    createConfigRuntime(here),
    createScriptRuntime({ folders: worker.script.folders, now: Date.now }),
    createWebhookRuntime({ ...worker.webhook, now: Date.now }),
    createExternalRuntime({ now: Date.now }),
  ];
  return { processes, byType: new Map(all.map((one) => [one.catalogue.type, one])) };
}
