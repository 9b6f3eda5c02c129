import { waitFor } from '../../../support/wait';
import { describeRuntime } from '../contract';
import { describeLive, startManager, type Manager } from './manager';
import { createBench } from './support';

const SERVICE = `
ExecStartPre=/bin/sh -c 'echo starting >> NOTES'
ExecStart=/bin/sleep 1000
ExecStop=/bin/sh -c 'echo ending >> NOTES'
`;

describeLive('with a real systemd', () => {
  let manager: Manager;
  beforeAll(async () => {
    manager = await startManager();
  });
  afterAll(() => manager.stop());

  describeRuntime(
    'systemd',
    () => {
      const bench = createBench(manager, SERVICE);
      bench.systemctl('start', bench.unit);
      const starts = (): number => bench.notes().filter((note) => note === 'starting').length;
      const first = starts();
      return Promise.resolve({
        runtime: bench.runtime,
        target: bench.target(),
        step: { action: 'restart', params: {} },
        effects: () => Promise.resolve(starts() - first),
        replaceFromOutside: () => {
          bench.systemctl('restart', bench.unit);
          return Promise.resolve();
        },
        async whenBegun() {
          await waitFor('the unit to stop', () => bench.notes().includes('ending'));
        },
        tearDown: () => {
          bench.tearDown();
          return Promise.resolve();
        },
      });
    },
    { isInspectable: true, isRestorable: false, isInterruptible: true },
  );
});
