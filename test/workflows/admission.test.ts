import { admit } from '../../storage/admission';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { policy, service } from '../support/manifest-objects';
import { condition, FAST_VERIFY, watched } from '../support/policies';
import { waitFor } from '../support/wait';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))], {
    sweepMs: 1000,
  });
}, 60_000);
afterAll(() => plane.stop());

async function heldGate(name: string): Promise<string | null> {
  const [row] = await plane.rows<{ held_gate: string | null }>(
    'select held_gate from episodes where resource = $1',
    `default/${name}`,
  );
  return row?.held_gate ?? null;
}

test('a paused resource is held and acts when it is resumed', async () => {
  await plane.rows(`insert into pauses (scope, reason, actor) values ('default/p1', 'work', 'me')`);
  await plane.apply(...watched('p1', 'up == 0'));
  await plane.send('p1', 'up', 0);
  await waitFor('the hold', async () => (await heldGate('p1')) === 'paused');
  expect(runtime.effects()).toEqual([]);
  await plane.rows(`delete from pauses`);
  await plane.temporal.client.workflow
    .getHandle('resource/default/p1')
    .signal('gateLifted', { gate: 'paused' });
  await plane.healthyUntil('p1', 'succeeded');
  const held = await plane.rows(
    `select 1 from audit_events where resource = 'default/p1' and event = 'held'`,
  );
  expect(held).toHaveLength(1);
});

test('maxConcurrent queues the second target, and its slot is granted at the release', async () => {
  await plane.apply(
    service('q-a', { sync: { mode: 'detect', cooldownMs: 1000 } }),
    service('q-b', { sync: { mode: 'detect', cooldownMs: 1000 } }),
    policy('q-down', {
      target: { name: 'q-*', labels: {} },
      condition: condition('up == 0'),
      cooldownMs: 60_000,
      verify: FAST_VERIFY,
    }),
  );
  await Promise.all([plane.send('q-a', 'up', 0), plane.send('q-b', 'up', 0)]);
  await waitFor('one to act and one to queue', async () => {
    const states = await plane.rows<{ state: string }>(
      `select state from requests where policy = 'default/q-down' order by state`,
    );
    return states.map((r) => r.state).join() === 'granted,open';
  });
  expect(await plane.rows(`select 1 from slots where policy = 'default/q-down'`)).toHaveLength(1);
  const first =
    (
      await plane.rows<{ target: string }>(
        `select target from slots where policy = 'default/q-down'`,
      )
    )[0]?.target ?? '';
  const second = first === 'default/q-a' ? 'q-b' : 'q-a';
  await plane.healthyUntil(first.replace('default/', ''), 'succeeded');
  await waitFor('the second to be granted', async () => {
    const slots = await plane.rows<{ target: string }>(`select target from slots`);
    return slots.some((s) => s.target === `default/${second}`);
  });
  await plane.healthyUntil(second, 'succeeded');
});

test('attempts run out, and the policy says so instead of acting for ever', async () => {
  await plane.apply(
    ...watched('tries', 'up == 0', {
      limits: { attempts: 2, maxConcurrent: 1 },
      verify: { settleMs: 0, stableMs: 100, withinMs: 3000 },
    }),
  );
  const stop = plane.keepSending(100, () => plane.send('tries', 'up', 0));
  try {
    await waitFor(
      'the attempts to run out',
      async () => (await heldGate('tries')) === 'attempts_exhausted',
    );
  } finally {
    await stop();
  }
  const outcomes = await plane.rows<{ outcome: string }>(
    `select outcome from actions where resource = 'default/tries' order by requested_at`,
  );
  expect(outcomes.map((o) => o.outcome)).toEqual(['failed', 'failed']);
});

test('two policies that want one target act one after the other, the worse one first', async () => {
  const both = watched('busy', 'up == 0', { severity: 'info' });
  await plane.apply(
    ...both,
    policy('busy-worse', {
      target: { name: 'busy', labels: {} },
      condition: condition('up == 0'),
      severity: 'critical',
      cooldownMs: 60_000,
      verify: FAST_VERIFY,
    }),
  );
  await plane.send('busy', 'up', 0);
  await waitFor('a slot', async () => {
    const slots = await plane.rows(`select 1 from slots where target = 'default/busy'`);
    return slots.length === 1;
  });
  await plane.healthyUntil('busy', 'succeeded');
  const effects = await plane.rows(
    `select 1 from audit_events where resource = 'default/busy' and event = 'executed'`,
  );
  expect(effects).toHaveLength(1);
});

test('a dry run tells the story and has no effect', async () => {
  const before = runtime.effects().length;
  await plane.apply(...watched('dry', 'up == 0', { mode: 'dry-run' }));
  await plane.send('dry', 'up', 0);
  await plane.recorded('dry', 'skipped');
  expect(runtime.effects()).toHaveLength(before);
});

test('more effects at once than the worker has connections do not wait for each other for ever', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `wide-${i}`);
  await plane.apply(
    ...names.map((name) => service(name, { sync: { mode: 'detect', cooldownMs: 1000 } })),
    policy('wide', {
      target: { name: 'wide-*', labels: {} },
      condition: condition('up == 0'),
      cooldownMs: 60_000,
      limits: { attempts: 3, maxConcurrent: 12 },
      verify: { settleMs: 0, stableMs: 0, withinMs: 500 },
    }),
  );
  runtime.onExecute = () => new Promise((resolve) => setTimeout(resolve, 300));
  await Promise.all(names.map((name) => plane.send(name, 'up', 0)));
  await waitFor('every first effect', async () => {
    const ended = await plane.rows(
      `select distinct target from journal where target like 'default/wide-%' and ended_at is not null`,
    );
    return ended.length === 12;
  });
  runtime.onExecute = () => Promise.resolve();
}, 60_000);

test('many admitters at once never grant more than the limit, and lose no wake-up', async () => {
  await plane.apply(
    ...Array.from({ length: 12 }, (_, i) =>
      service(`many-${i}`, { sync: { mode: 'detect', cooldownMs: 1000 } }),
    ),
    policy('many', {
      target: { name: 'many-*', labels: {} },
      condition: condition('up == 0'),
      cooldownMs: 60_000,
      limits: { attempts: 3, maxConcurrent: 3 },
      verify: { settleMs: 0, stableMs: 0, withinMs: 30_000 },
    }),
  );
  let most = 0;
  const stopWatching = plane.keepSending(20, async () => {
    const slots = await plane.rows(`select 1 from slots where policy = 'default/many'`);
    most = Math.max(most, slots.length);
  });
  const names = Array.from({ length: 12 }, (_, i) => `many-${i}`);
  await Promise.all(names.map((name) => plane.send(name, 'up', 0)));
  await Promise.all(Array.from({ length: 10 }, () => admit(plane.database.pool)));
  await waitFor('all to be requested', async () => {
    const asked = await plane.rows(`select 1 from requests where policy = 'default/many'`);
    return asked.length >= 12;
  });
  const stop = plane.keepSending(200, async () => {
    const ended = await plane.rows<{ name: string }>(
      `select split_part(target, '/', 2) as name from journal
        where target like 'default/many-%' and ended_at is not null`,
    );
    await Promise.all(ended.map(({ name }) => plane.send(name, 'up', 1)));
  });
  await waitFor(
    'all to be recorded',
    async () => {
      const done = await plane.rows(
        `select 1 from actions where policy = 'default/many' and outcome = 'succeeded'`,
      );
      return done.length === 12;
    },
    30_000,
  );
  await stop();
  await stopWatching();
  expect(most).toBeLessThanOrEqual(3);
}, 60_000);
