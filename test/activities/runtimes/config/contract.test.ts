import { describeRuntime } from '../contract';
import { waitFor } from '../../../support/wait';
import { createBench } from './support';

describeRuntime(
  'config',
  () => {
    const bench = createBench();
    bench.write('a.ini', 'old');
    const config = [bench.file('a.ini', 'wanted'), bench.file('b.ini', 'b=1\n')];
    const step = { action: 'sync', params: {} };
    return Promise.resolve({
      ...{ runtime: bench.runtime, target: bench.target(config, bench.reloadCommand()), step },
      effects: () => Promise.resolve(bench.reloads()),
      rearm: () => {
        bench.write('a.ini', 'drifted');
        return Promise.resolve();
      },
      replaceFromOutside: () => {
        bench.write('a.ini', 'by another hand');
        return Promise.resolve();
      },
      async whenBegun() {
        await waitFor('the reload', () => bench.reloads() > 0);
      },
      restorable: {
        step,
        state: () => Promise.resolve([bench.read('a.ini'), bench.exists('b.ini')]),
      },
      tearDown: () => {
        bench.tearDown();
        return Promise.resolve();
      },
    });
  },
  { isInspectable: true, isRestorable: true, isInterruptible: true },
);
