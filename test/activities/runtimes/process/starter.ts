/** Run as a process of its own: starts a target like a worker does, says so, and stays. */
import { createProcessRuntime } from '../../../../activities/runtimes/process/runtime';
import type { RuntimeTarget } from '../../../../domain/action/runtime';

const [home = '', target = ''] = process.argv.slice(2);
void createProcessRuntime({ home, now: () => Date.now() })
  .ensureRunning(JSON.parse(target) as RuntimeTarget)
  .then((result) => {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    setInterval(() => undefined, 60_000);
  });
