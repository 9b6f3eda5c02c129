import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../../support/wait';
import { describeRuntime } from '../contract';
import { answerWith, createBench, startReceiver } from './support';

describeRuntime(
  'webhook',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vigil-webhook-'));
    const secret = join(folder, 'key');
    writeFileSync(secret, 'hunter2');
    const receiver = await startReceiver();
    receiver.answer((response, { headers }) => {
      const answer = answerWith(200, `thank you, ${headers['x-token'] as string}`);
      setTimeout(() => {
        answer(response);
      }, 100);
    });
    const bench = createBench(receiver.url);
    const headers = { 'X-Token': `file:${secret}` };
    return {
      runtime: bench.runtime,
      target: bench.target({ headers }, { spec: { secret: `file:${secret}` } }),
      step: { action: 'fix', params: {} },
      effects: () => Promise.resolve(receiver.received.length),
      secret: 'hunter2',
      async whenBegun() {
        await waitFor('the request', () => receiver.received.length > 0);
      },
      async tearDown() {
        await receiver.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  { isInspectable: false, isRestorable: false, isInterruptible: true },
);
