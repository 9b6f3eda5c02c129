/** Run as a process of its own: acts like a worker does, so that it can be killed like one. */
import { createDockerRuntime } from '../../../../activities/runtimes/docker/runtime';
import type { ExecuteRequest } from '../../../../domain/action/runtime';

const [home = '', socket = '', request = ''] = process.argv.slice(2);
void createDockerRuntime({ home, now: () => Date.now(), socket }).execute(
  JSON.parse(request) as ExecuteRequest,
  new AbortController().signal,
);
