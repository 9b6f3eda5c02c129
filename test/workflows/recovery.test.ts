import { Registry } from 'prom-client';
import { startDetector } from '../../detector/detector';
import { createLogger } from '../../platform/logger';
import { createTemporalClient } from '../../platform/temporal-client';
import { startHousekeeping } from '../../workers/control';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';
import {
  actionWorkflowId,
  RESOURCE_WORKFLOW,
  CONTROL_QUEUE,
  SIGNALS,
} from '../../workflows/contract';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))], {
    sweepMs: 1000,
  });
}, 60_000);
afterAll(() => plane.stop());

function effectsOf(actionId: string): number {
  return runtime.effects().filter((key) => key.startsWith(actionId)).length;
}

test('a workflow terminated while it waits to fire is started again by the sweep', async () => {
  await plane.apply(...watched('ended', 'up == 0 for 4s'));
  await plane.send('ended', 'up', 0);
  const handle = plane.temporal.client.workflow.getHandle('resource/default/ended');
  await waitFor('the workflow to run', () =>
    handle.describe().then(
      () => true,
      () => false,
    ),
  );
  await handle.terminate('an operator');
  const id = await plane.healthyUntil('ended', 'succeeded');
  expect(effectsOf(id)).toBe(1);
});

test('a run that a lifted gate has started, where one was lost, is told the verdicts again and acts', async () => {
  const pause = `insert into pauses (scope, reason, actor) values ('default/blind', 'work', 'test')`;
  await plane.rows(pause);
  await plane.apply(...watched('blind', 'up == 0'));
  await plane.send('blind', 'up', 0);
  await waitFor('the pause to hold it', async () => {
    const held = await plane.rows(
      `select 1 from episodes where resource = 'default/blind' and held_gate = 'paused'`,
    );
    return held.length === 1;
  });
  await plane.rows(`delete from pauses where scope = 'default/blind'`);
  const { workflow } = plane.temporal.client;
  await workflow.getHandle('resource/default/blind').terminate('an operator');
  await workflow.signalWithStart(RESOURCE_WORKFLOW, {
    workflowId: 'resource/default/blind',
    taskQueue: CONTROL_QUEUE,
    args: [{ resource: 'default/blind' }],
    signal: SIGNALS.gateLifted,
    signalArgs: [{ gate: 'paused' }],
  });
  const id = await plane.healthyUntil('blind', 'succeeded');
  expect(effectsOf(id)).toBe(1);
});

test('the holder of a slot that is terminated is reaped, and the cause is acted on again', async () => {
  await startHousekeeping(plane.temporal.client, 500);
  const gate = new Promise<void>((resolve) => setTimeout(resolve, 1500));
  runtime.onExecute = () => gate;
  await plane.apply(
    ...watched('held', 'up == 0', {
      approval: { required: 1, deadlineMs: 60_000, onDeadline: 'expire' },
    }),
  );
  await plane.send('held', 'up', 0);
  const first = await waitFor('the approval to be asked', async () => {
    const [row] = await plane.rows<{ action_id: string }>(
      `select action_id from actions where resource = 'default/held' and state = 'awaiting_approval'`,
    );
    return row?.action_id;
  });
  const holder = plane.temporal.client.workflow.getHandle(actionWorkflowId(first));
  await waitFor('the action to run', () =>
    holder.describe().then(
      () => true,
      () => false,
    ),
  );
  await holder.terminate('an operator');
  await plane.recorded('held', 'cancelled');
  const reaped = await plane.rows(
    `select 1 from audit_events where action_id = $1 and event = 'reaped'`,
    first,
  );
  expect(reaped).toHaveLength(1);
  expect(effectsOf(first)).toBe(0);
  await waitFor('another action', async () => {
    const rows = await plane.rows(`select 1 from actions where resource = 'default/held'`);
    return rows.length === 2;
  });
  runtime.onExecute = () => Promise.resolve();
});

test('a collector that dies between commit and signal loses nothing: the action happens, once', async () => {
  await plane.stopDetector();
  const nowhere = createTemporalClient({
    connection: { address: '127.0.0.1:1' },
    namespace: plane.temporal.namespace,
  });
  const dying = await startDetector({
    pool: plane.database.pool,
    temporal: nowhere.client,
    logger: createLogger('test', 'silent'),
    registry: new Registry(),
    now: Date.now,
    tickMs: 20,
  });
  await plane.apply(...watched('orphan', 'up == 0'));
  await plane.send('orphan', 'up', 0);
  await plane.rows(`select pg_notify('vigil_samples', '[]')`);
  await waitFor('the verdict and its message to be committed', async () => {
    const rows = await plane.rows(
      `select 1 from outbox where workflow_id = 'resource/default/orphan'`,
    );
    return rows.length === 1;
  });
  await dying.stop();
  expect(await plane.rows(`select 1 from actions where resource = 'default/orphan'`)).toEqual([]);
  await plane.restartDetector();
  // A collector that started anew acts on nothing before it has heard of it again.
  const stop = plane.keepSending(200, () => plane.send('orphan', 'up', 0));
  await waitFor('the slot', async () => {
    const slots = await plane.rows(`select 1 from slots where target = 'default/orphan'`);
    return slots.length === 1;
  });
  await stop();
  const id = await plane.healthyUntil('orphan', 'succeeded');
  expect(effectsOf(id)).toBe(1);
  // Not sooner: a retry of its last call would find the channel shut, and nobody could catch that.
  await nowhere.close();
});

test('a run continues as new while idle and keeps what it knows', async () => {
  await plane.apply(...watched('long', 'up == 0', { cooldownMs: 500 }));
  const { workflow } = plane.temporal.client;
  const started = await workflow.start(RESOURCE_WORKFLOW, {
    workflowId: 'resource/default/long',
    taskQueue: CONTROL_QUEUE,
    args: [{ resource: 'default/long', constants: { maxEvents: 10 } }],
  });
  await plane.send('long', 'up', 0);
  await plane.healthyUntil('long', 'succeeded');
  await waitFor('a new run', async () => {
    const { runId } = await workflow.getHandle('resource/default/long').describe();
    return runId !== started.firstExecutionRunId;
  });
  await plane.send('long', 'up', 0);
  await waitFor('a second action', async () => {
    const rows = await plane.rows(
      `select 1 from actions where resource = 'default/long' and outcome is null`,
    );
    return rows.length === 1;
  });
  await plane.healthyUntil('long', 'succeeded');
});

test('a deleted manifest ends what waits, and its workflow', async () => {
  await plane.apply(...watched('gone', 'up == 0 for 60s'));
  await plane.send('gone', 'up', 0);
  const handle = plane.temporal.client.workflow.getHandle('resource/default/gone');
  await waitFor('the workflow to run', () =>
    handle.describe().then(
      () => true,
      () => false,
    ),
  );
  await plane.remove('Service', 'gone');
  await waitFor('the workflow to end', async () => {
    const { status } = await handle.describe();
    return status.name === 'COMPLETED';
  });
  expect(await plane.rows(`select 1 from actions where resource = 'default/gone'`)).toEqual([]);
});
