import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../../support/wait';
import { describeRuntime } from '../contract';
import { createBench } from './support';

describeRuntime(
  'script',
  () => {
    const bench = createBench();
    const notes = join(bench.home, 'notes');
    const secret = join(bench.home, 'key');
    writeFileSync(secret, 'hunter2');
    bench.write('fix.sh', `echo "$VIGIL_ACTION_ID" >> "$1"; echo "key $KEY"; sleep 0.2`);
    const spec = { env: { allow: ['PATH'], set: { KEY: `file:${secret}` } } };
    const effects = (): number =>
      existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n').length : 0;
    return Promise.resolve({
      runtime: bench.runtime,
      target: bench.target({ command: ['./fix.sh', notes] }, { spec }),
      step: { action: 'fix', params: {} },
      effects: () => Promise.resolve(effects()),
      secret: 'hunter2',
      async whenBegun() {
        await waitFor('the first line', () => effects() > 0);
      },
      tearDown: () => {
        bench.tearDown();
        return Promise.resolve();
      },
    });
  },
  { isInspectable: false, isRestorable: false, isInterruptible: true },
);
