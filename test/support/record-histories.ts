import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, Runtime as TemporalRuntime } from '@temporalio/worker';
import { format } from 'prettier';
import { startHousekeeping } from '../../workers/control';
import {
  actionWorkflowId,
  CONTROL_QUEUE,
  decisionText,
  HOUSEKEEPING_ID,
  RESOURCE_WORKFLOW,
  resourceWorkflowId,
  SIGNALS,
  UPDATES,
  type Decision,
  type ManualAction,
  type SignedDecision,
} from '../../workflows/contract';
import { APPROVAL_KEY, startControlPlane, type ControlPlane } from './control-plane';
import { createCountingRuntime, type CountingRuntime } from './counting-runtime';
import { watched } from './policies';
import { waitFor } from './wait';

const ROOT = join(__dirname, '../..');

interface Recording {
  plane: ControlPlane;
  runtime: CountingRuntime;
  /** Keeps the history of a run, the newest by default, as `<name>.json`. */
  save: (name: string, workflowId: string, runId?: string) => Promise<void>;
}

/**
 * Runs every way a workflow can take on real servers and keeps the histories, whole, in `folder`.
 * The servers are those of VIGIL_TEST_DATABASE_URL and VIGIL_TEST_TEMPORAL_ADDRESS.
 */
export async function recordHistories(folder: string): Promise<string[]> {
  // Failures are part of what is recorded.
  TemporalRuntime.install({ logger: new DefaultLogger('ERROR') });
  const names: string[] = [];
  let runtime: CountingRuntime | undefined;
  const plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
  if (runtime === undefined) throw new Error('no runtime was made');
  async function save(name: string, workflowId: string, runId?: string): Promise<void> {
    const handle = plane.temporal.client.workflow.getHandle(workflowId, runId);
    // Stack traces name files: where the repository lay is nobody's business.
    const json = historyToJSON(await handle.fetchHistory()).replaceAll(ROOT, '/vigil');
    writeFileSync(join(folder, `${name}.json`), await format(json, { parser: 'json' }));
    names.push(name);
  }
  const recording = { plane, runtime, save };
  try {
    await recordHealedAndHeld(recording);
    await recordCleared(recording);
    await recordContinued(recording);
    await recordApproved(recording);
    await recordRejected(recording);
    await recordExpired(recording);
    await recordEscalated(recording);
    await recordWithdrawn(recording);
    await recordFailed(recording);
    await recordLadder(recording);
    await recordDryRun(recording);
    await recordHousekeeping(recording);
  } finally {
    await plane.stop();
  }
  return names;
}

/** Pending, acting, cooldown; true again while it cools down, then held by a pause, then acting. */
async function recordHealedAndHeld({ plane, save }: Recording): Promise<void> {
  const id = resourceWorkflowId('default/healed');
  await plane.apply(...watched('healed', 'up == 0 for 1s', { cooldownMs: 2000 }));
  await plane.send('healed', 'up', 0);
  const action = await plane.healthyUntil('healed', 'succeeded');
  await save('action-succeeded', actionWorkflowId(action));
  await plane.rows(
    `insert into pauses (scope, reason, actor) values ('default/healed', 'upgrade', 'user:ada')`,
  );
  await plane.send('healed', 'up', 0);
  await waitFor('the hold', async () => {
    const rows = await plane.rows(
      `select 1 from episodes where resource = 'default/healed' and held_gate = 'paused'`,
    );
    return rows.length > 0;
  });
  await plane.rows('delete from pauses');
  await plane.temporal.client.workflow.getHandle(id).signal(SIGNALS.gateLifted, { gate: 'paused' });
  await waitFor('the second action', async () => (await actionsOf(plane, 'healed')).length === 2);
  await plane.healthyUntil('healed', 'succeeded');
  await cooledDown(plane, id);
  await save('resource-healed-and-held', id);
}

/** The resource tells an action that waits for approval that its condition has cleared. */
async function recordCleared({ plane, save }: Recording): Promise<void> {
  await asked(plane, 'cleared', 60_000);
  await plane.send('cleared', 'up', 1);
  await plane.recorded('cleared', 'cancelled');
  await save('resource-cleared', resourceWorkflowId('default/cleared'));
}

/** A run that continues as new, and the next one, which is asked for an action by hand. */
async function recordContinued({ plane, save }: Recording): Promise<void> {
  const id = resourceWorkflowId('default/continued');
  await plane.apply(...watched('continued', 'up == 0', { cooldownMs: 500 }));
  const { workflow } = plane.temporal.client;
  const first = await workflow.start(RESOURCE_WORKFLOW, {
    workflowId: id,
    taskQueue: CONTROL_QUEUE,
    args: [{ resource: 'default/continued', constants: { maxEvents: 10 } }],
  });
  await plane.send('continued', 'up', 0);
  await plane.healthyUntil('continued', 'succeeded');
  const { firstExecutionRunId } = first;
  const next = await waitFor('a new run', async () => {
    const { runId } = await workflow.getHandle(id).describe();
    return runId !== firstExecutionRunId && runId;
  });
  await save('resource-continued', id, firstExecutionRunId);
  await workflow.getHandle(id).executeUpdate<unknown, [ManualAction]>(UPDATES.act, {
    args: [
      {
        actionId: '00000000-0000-4000-8000-000000000001',
        steps: [{ action: 'restart', params: {} }],
        requestedBy: 'user:ada',
        reason: 'by hand',
        dryRun: false,
        force: false,
        correlationId: null,
      },
    ],
  });
  await waitFor('its effect', async () => {
    const rows = await plane.rows(
      `select 1 from actions where resource = 'default/continued' and state = 'verifying'`,
    );
    return rows.length > 0;
  });
  await save('resource-carried', id, next);
}

async function recordApproved({ plane, save }: Recording): Promise<void> {
  const id = await asked(plane, 'approved', 60_000);
  await decide(plane, id, 'approve');
  await plane.healthyUntil('approved', 'succeeded');
  await save('action-approved', actionWorkflowId(id));
}

async function recordRejected({ plane, save }: Recording): Promise<void> {
  const id = await asked(plane, 'rejected', 60_000);
  await decide(plane, id, 'reject');
  await plane.recorded('rejected', 'rejected');
  await save('action-rejected', actionWorkflowId(id));
}

async function recordExpired({ plane, save }: Recording): Promise<void> {
  const id = await asked(plane, 'expired', 1500);
  await plane.recorded('expired', 'expired');
  await save('action-expired', actionWorkflowId(id));
}

/** Nobody decides in time, so that a second list is asked, and nobody of it decides either. */
async function recordEscalated({ plane, save }: Recording): Promise<void> {
  const id = await asked(plane, 'escalated', 1500, 'escalate');
  await plane.recorded('escalated', 'expired');
  await save('action-escalated', actionWorkflowId(id));
}

/** The yes is taken back in the queue and given again. */
async function recordWithdrawn({ plane, save }: Recording): Promise<void> {
  const id = await asked(plane, 'withdrawn', 60_000);
  await plane.rows(
    `insert into pauses (scope, reason, actor) values ('default/withdrawn', 'work', 'user:ada')`,
  );
  await decide(plane, id, 'approve');
  await waitFor('the queue', async () => {
    const rows = await plane.rows(
      `select 1 from requests where action_id = $1 and state = 'open'`,
      id,
    );
    return rows.length > 0;
  });
  await decide(plane, id, 'withdraw');
  await plane.rows('delete from pauses');
  await decide(plane, id, 'approve');
  await plane.healthyUntil('withdrawn', 'succeeded');
  await save('action-withdrawn', actionWorkflowId(id));
}

/** Its step throws, which leaves no doubt that the effect did not happen. */
async function recordFailed({ plane, runtime, save }: Recording): Promise<void> {
  runtime.onExecute = () => Promise.reject(new Error('no space left on device'));
  await plane.apply(...watched('failed', 'up == 0'));
  await plane.send('failed', 'up', 0);
  const id = await plane.recorded('failed', 'failed');
  runtime.onExecute = () => Promise.resolve();
  await save('action-failed', actionWorkflowId(id));
}

/** A rung that is undone, a wait for the next one, one that tells people, and one that helps. */
async function recordLadder({ plane, runtime, save }: Recording): Promise<void> {
  const steps = [
    { action: 'scale', params: {} },
    { action: 'restart', params: {}, afterMs: 3000 },
    { action: 'notify', params: {} },
    { action: 'reload', params: {} },
  ];
  const verify = { settleMs: 100, stableMs: 200, withinMs: 1500 };
  runtime.restorable.add('scale');
  const before = runtime.effects().length;
  await plane.apply(...watched('ladder', 'up == 0', { steps, verify }));
  const stop = plane.keepSending(100, () =>
    plane.send('ladder', 'up', runtime.effects().length === before + 3 ? 1 : 0),
  );
  const id = await plane.recorded('ladder', 'succeeded', 30_000).finally(stop);
  await save('action-ladder', actionWorkflowId(id));
}

async function recordDryRun({ plane, save }: Recording): Promise<void> {
  const steps = [
    { action: 'restart', params: {} },
    { action: 'scale', params: {}, afterMs: 3000 },
  ];
  await plane.apply(...watched('dry', 'up == 0', { steps, mode: 'dry-run' }));
  await plane.send('dry', 'up', 0);
  const id = await plane.recorded('dry', 'skipped');
  await save('action-dry-run', actionWorkflowId(id));
}

async function recordHousekeeping({ plane, save }: Recording): Promise<void> {
  const ROUNDS = 3;
  await startHousekeeping(plane.temporal.client, 300);
  const handle = plane.temporal.client.workflow.getHandle(HOUSEKEEPING_ID);
  await waitFor('some rounds', async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).filter((one) => one.timerFiredEventAttributes).length >= ROUNDS;
  });
  await save('housekeeping', HOUSEKEEPING_ID);
}

/** A policy that asks, firing; returns the action that waits for a person. */
async function asked(
  plane: ControlPlane,
  name: string,
  deadlineMs: number,
  onDeadline: 'expire' | 'escalate' = 'expire',
): Promise<string> {
  const approval = { required: 1, deadlineMs, onDeadline };
  await plane.apply(...watched(name, 'up == 0', { approval }));
  await plane.send(name, 'up', 0);
  return waitFor('the approval to be asked', async () => {
    const [id] = await actionsOf(plane, name);
    const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(id ?? ''));
    const isRunning = await handle.describe().then(
      () => true,
      () => false,
    );
    return isRunning && id;
  });
}

async function actionsOf(plane: ControlPlane, name: string): Promise<string[]> {
  const rows = await plane.rows<{ action_id: string }>(
    'select action_id from actions where resource = $1 order by requested_at',
    `default/${name}`,
  );
  return rows.map((row) => row.action_id);
}

async function decide(plane: ControlPlane, id: string, decision: Decision): Promise<void> {
  const unsigned = { decision, approver: 'user:ada', expiresAt: Date.now() + 60_000 };
  const signature = createHmac('sha256', APPROVAL_KEY)
    .update(decisionText(id, unsigned))
    .digest('hex');
  await plane.temporal.client.workflow
    .getHandle(actionWorkflowId(id))
    .executeUpdate<unknown, [SignedDecision]>(UPDATES.decide, {
      args: [{ ...unsigned, comment: null, signature, correlationId: null }],
    });
}

/** Waits until the timer of the last cooldown has fired. */
async function cooledDown(plane: ControlPlane, workflowId: string): Promise<void> {
  const handle = plane.temporal.client.workflow.getHandle(workflowId);
  await waitFor('the cooldown to end', async () => {
    const { events } = await handle.fetchHistory();
    const types = (events ?? []).map((one) =>
      one.timerFiredEventAttributes ? 'fired' : one.timerStartedEventAttributes ? 'started' : '',
    );
    return types.filter((type) => type !== '').at(-1) === 'fired';
  });
}
