import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../../support/wait';
import { describeRuntime } from '../contract';
import { createBench, NODE, pidOf } from './support';

/** Says that it started and that it was told to end, each on a line that it writes at once. */
const SUBJECT = `
  const { appendFileSync } = require('node:fs');
  const note = (what) => appendFileSync(process.env.NOTES, what + ' ' + process.pid + '\\n');
  process.on('SIGTERM', () => { note('ending'); process.exit(0); });
  note('started');
  setInterval(() => {}, 60000);
`;

describeRuntime(
  'process',
  async () => {
    const bench = createBench({ stopTimeoutMs: 2_000 });
    const notes = join(bench.home, 'notes');
    writeFileSync(join(bench.home, 'key'), 'hunter2');
    const target = bench.target({
      command: [NODE, '-e', SUBJECT],
      env: { NOTES: notes, KEY: `file:${join(bench.home, 'key')}` },
    });
    const lines = (): string[] =>
      existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [];

    /** Starts that happened, counted once the present process has noted its own. */
    async function starts(): Promise<number> {
      const { identity } = await bench.runtime.inspect(target);
      await waitFor('its note', () => lines().includes(`started ${pidOf(identity)}`));
      return lines().filter((line) => line.startsWith('started')).length;
    }

    await bench.runtime.ensureRunning(target);
    const first = await starts();
    return {
      runtime: bench.runtime,
      target,
      step: { action: 'restart', params: {} },
      effects: async () => (await starts()) - first,
      secret: 'hunter2',
      async replaceFromOutside() {
        await bench.runtime.stop(target);
        await bench.runtime.ensureRunning(target);
      },
      async whenBegun() {
        await waitFor('SIGTERM to arrive', () => lines().some((line) => line.startsWith('ending')));
      },
      tearDown: bench.tearDown,
    };
  },
  { isInspectable: true, isRestorable: false, isInterruptible: true },
);
