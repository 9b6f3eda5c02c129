import { insertNotice } from '../../storage/notices';
import type { Notifier } from '../../workers/notify';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { startHttpReceiver, type HttpReceiver } from '../support/http-receiver';
import { notice } from '../support/notices';
import { startTestNotifier } from '../support/notifier';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
let runtime: CountingRuntime;
let receiver: HttpReceiver;
let notifier: Notifier;

beforeEach(async () => {
  receiver = await startHttpReceiver();
  plane = await startControlPlane((home) => {
    runtime = createCountingRuntime(home);
    return [runtime];
  });
  // On the worker's own pool, as in the worker.
  notifier = startTestNotifier(plane.database.pool, {
    channels: { ops: { type: 'json', url: receiver.url, timeout: '1h' } },
    routes: [{ channels: ['ops'], groupBy: ['resource'], wait: 0 }],
  });
}, 60_000);
afterEach(async () => {
  await notifier.stop();
  await plane.stop();
  await receiver.close();
});

test('an action runs through while the only channel hangs', async () => {
  receiver.mood = 'hangs';
  await insertNotice(plane.database.pool, notice({ key: 'first' }));
  await waitFor('the channel to hang', () => receiver.asked() === 1);

  await plane.apply(...watched('web', 'up == 0'));
  await plane.send('web', 'up', 0);
  await plane.healthyUntil('web', 'succeeded');

  expect(runtime.effects()).toHaveLength(1);
  // It hangs still: what was told first has not been taken.
  expect(receiver.asked()).toBe(1);
  expect(
    await plane.rows('select state, sent_at from notice_deliveries where channel = $1', 'ops'),
  ).toEqual([{ state: 'waiting', sent_at: null }]);
}, 60_000);
