import { randomUUID } from 'node:crypto';
import type { ActionPlan } from '../../domain/action/action';
import { startHousekeeping } from '../../workers/control';
import {
  actionWorkflowId,
  CONTROL_QUEUE,
  QUERIES,
  RESOURCE_WORKFLOW,
  resourceWorkflowId,
  SIGNALS,
  type ResourceStatus,
} from '../../workflows/contract';
import { startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

/** Words between admission, resource and action that come twice, late, or not at all. */

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
}, 60_000);
afterAll(() => plane.stop());

async function phaseOf(name: string): Promise<string | undefined> {
  const handle = plane.temporal.client.workflow.getHandle(resourceWorkflowId(`default/${name}`));
  const { policies } = await handle.query<ResourceStatus>(QUERIES.status);
  return policies.find(({ policy }) => policy === `default/${name}-policy`)?.phase;
}

async function planOf(actionId: string): Promise<ActionPlan> {
  const [row] = await plane.rows<{ plan: ActionPlan }>(
    'select plan from requests where action_id = $1',
    actionId,
  );
  if (row === undefined) throw new Error(`no request ${actionId}`);
  return row.plan;
}

async function grant(name: string, plan: ActionPlan): Promise<void> {
  const handle = plane.temporal.client.workflow.getHandle(resourceWorkflowId(`default/${name}`));
  await handle.signal(SIGNALS.slotGranted, { plan, token: 1 });
}

async function hasEnded(actionId: string): Promise<boolean> {
  const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(actionId));
  return handle.describe().then(
    ({ status }) => status.name === 'COMPLETED',
    () => false,
  );
}

/** A copy of a request as it stands in the table, under another action id. */
async function copyRequest(plan: ActionPlan, state: 'closed' | 'granted'): Promise<ActionPlan> {
  const copy = { ...plan, actionId: randomUUID() };
  await plane.rows(
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
                           policy_revision, plan, state, waiter, outcome, created_at)
     select $2::uuid, resource, policy, generation, episode, attempt + 50 + (random() * 1000)::int, target,
            severity, since, policy_revision, $3::jsonb, $4, 'resource/' || resource,
            case when $4 = 'closed' then 'cancelled' end, now() - interval '1 minute'
       from requests where action_id = $1`,
    plan.actionId,
    copy.actionId,
    JSON.stringify(copy),
    state,
  );
  return copy;
}

test('a grant that comes again after its action was recorded leaves nothing acting', async () => {
  await plane.apply(...watched('again', 'up == 0'));
  await plane.send('again', 'up', 0);
  const plan = await planOf(await plane.healthyUntil('again', 'succeeded'));
  await waitFor('the cooldown', async () => (await phaseOf('again')) === 'cooldown');
  await grant('again', plan);
  // A query sees every signal before it: acting at first, then not any more.
  await waitFor('the end to be heard', async () => (await phaseOf('again')) === 'cooldown');
  expect(runtime.effects().filter((key) => key.startsWith(plan.actionId))).toHaveLength(1);
});

test('a grant whose request was withdrawn meanwhile starts nothing, and its parent hears so', async () => {
  await plane.apply(...watched('crossed', 'up == 0'));
  await plane.send('crossed', 'up', 0);
  const plan = await planOf(await plane.healthyUntil('crossed', 'succeeded'));
  await waitFor('the cooldown', async () => (await phaseOf('crossed')) === 'cooldown');
  const withdrawn = await copyRequest(plan, 'closed');
  await grant('crossed', withdrawn);
  await waitFor('its action to end', () => hasEnded(withdrawn.actionId));
  await waitFor('the parent to hear', async () => (await phaseOf('crossed')) === 'cooldown');
  expect(runtime.effects().filter((key) => key.startsWith(withdrawn.actionId))).toEqual([]);
});

test('a grant that its parent never heard is told again, and its slot is freed', async () => {
  await plane.apply(...watched('unheard', 'up == 0'));
  await plane.send('unheard', 'up', 0);
  const plan = await planOf(await plane.healthyUntil('unheard', 'succeeded'));
  await waitFor('the cooldown', async () => (await phaseOf('unheard')) === 'cooldown');
  const { workflow } = plane.temporal.client;
  await workflow.getHandle('resource/default/unheard').terminate('a lost run');
  await workflow.start(RESOURCE_WORKFLOW, {
    workflowId: 'resource/default/unheard',
    taskQueue: CONTROL_QUEUE,
    args: [{ resource: 'default/unheard' }],
  });
  const unheard = await copyRequest(plan, 'granted');
  await plane.rows(
    'insert into slots (action_id, target, policy) values ($1, $2, $3)',
    unheard.actionId,
    unheard.resource,
    unheard.policy,
  );
  await startHousekeeping(plane.temporal.client, 500);
  await waitFor('its action to end', () => hasEnded(unheard.actionId));
  await waitFor('the slot to be freed', async () => {
    const slots = await plane.rows('select 1 from slots where action_id = $1', unheard.actionId);
    return slots.length === 0;
  });
  // The condition is clear: it was started, and called off before its effect.
  expect(runtime.effects().filter((key) => key.startsWith(unheard.actionId))).toEqual([]);
});

test('a granted action of which Temporal knows nothing for minutes is given up, and its slot is freed', async () => {
  await plane.apply(...watched('given-up', 'up == 0'));
  await plane.send('given-up', 'up', 0);
  const plan = await planOf(await plane.healthyUntil('given-up', 'succeeded'));
  const lost = await copyRequest(plan, 'granted');
  await plane.rows(
    `insert into slots (action_id, target, policy, granted_at) values ($1, $2, $3, now() - interval '6 minutes')`,
    lost.actionId,
    lost.resource,
    lost.policy,
  );
  await startHousekeeping(plane.temporal.client, 500);
  await waitFor('it to be reaped', async () => {
    const reaped = await plane.rows(
      `select 1 from audit_events where action_id = $1 and event = 'reaped'`,
      lost.actionId,
    );
    return reaped.length === 1;
  });
  expect(await plane.rows('select 1 from slots where action_id = $1', lost.actionId)).toEqual([]);
});
