import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithDocker } from '../../../support/docker-engine';
import { waitFor } from '../../../support/wait';
import { describeRuntime } from '../contract';
import { createBench } from './support';

/** Prints its secret, and takes a moment to end. */
const SUBJECT = [
  'sh',
  '-c',
  'trap "echo ending; sleep 0.3; exit 0" TERM; echo "key: $KEY"; sleep 1000 & wait',
];

describeWithDocker('docker', () => {
  describeRuntime(
    'docker',
    async () => {
      const bench = createBench();
      writeFileSync(join(bench.home, 'key'), 'hunter2');
      const target = bench.target({
        command: SUBJECT,
        env: { KEY: `file:${join(bench.home, 'key')}` },
      });
      await bench.runtime.ensureRunning(target);
      const before = await bench.events('start');
      return {
        runtime: bench.runtime,
        target,
        step: { action: 'restart', params: {} },
        effects: async () => (await bench.events('start')).length - before.length,
        secret: 'hunter2',
        async replaceFromOutside() {
          const [first] = Object.values(await bench.containers());
          await bench.docker.getContainer(first?.Id ?? '').restart({ t: 1 });
        },
        async whenBegun() {
          await waitFor('the old container to be told to end', async () => {
            return (await bench.events('kill')).length > 0;
          });
        },
        restorable: {
          step: { action: 'update', params: { image: 'vigil-test:2' } },
          async state() {
            const all = Object.entries(await bench.containers());
            return all.map(([name, { Config, State }]) => [name, Config.Image, State.Running]);
          },
        },
        tearDown: bench.tearDown,
      };
    },
    { isInspectable: true, isRestorable: true, isInterruptible: true },
  );
});
