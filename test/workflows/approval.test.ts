import { WorkflowUpdateFailedError } from '@temporalio/client';
import { APPROVAL_KEY, startControlPlane, type ControlPlane } from '../support/control-plane';
import { createCountingRuntime, type CountingRuntime } from '../support/counting-runtime';
import {
  ASKS,
  askedAction,
  askedOn,
  decide as decideIn,
  signed as signedBy,
  type Approval,
} from '../support/decisions';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';
import {
  actionWorkflowId,
  QUERIES,
  UPDATES,
  type Decision,
  type DecisionAnswer,
  type ResourceStatus,
  type SignedDecision,
} from '../../workflows/contract';

let plane: ControlPlane;
let runtime: CountingRuntime;

beforeAll(async () => {
  plane = await startControlPlane((home) => [(runtime = createCountingRuntime(home))]);
}, 60_000);
afterAll(() => plane.stop());

/** A resource whose policy asks, firing; returns the action that waits. */
async function asked(name: string, approval: Approval = ASKS): Promise<string> {
  return askedAction(plane, name, { approval });
}

function signed(
  id: string,
  decision: Decision,
  approver: string,
  key = APPROVAL_KEY,
): SignedDecision {
  return signedBy(id, decision, { approver, key });
}

async function decide(id: string, decision: SignedDecision): Promise<DecisionAnswer> {
  return decideIn(plane, id, decision);
}

async function signal(id: string, name: string): Promise<void> {
  const handle = plane.temporal.client.workflow.getHandle(actionWorkflowId(id));
  await waitFor('the action to run', () =>
    handle.describe().then(
      () => true,
      () => false,
    ),
  );
  await handle.signal(name);
}

test('a signed yes lets it run, and nothing runs before', async () => {
  const id = await asked('yes');
  const before = runtime.effects().length;
  expect(await decide(id, signed(id, 'approve', 'user:ada'))).toEqual({
    kind: 'accepted',
    state: 'approved',
  });
  await plane.healthyUntil('yes', 'succeeded');
  expect(runtime.effects()).toHaveLength(before + 1);
  const [approval] = await plane.rows(
    'select approver, signed, door from approvals where action_id = $1',
    id,
  );
  expect(approval).toEqual({ approver: 'user:ada', signed: true, door: 'api' });
});

test('a signature that is not right, or void, is refused and written down', async () => {
  const id = await asked('forged');
  const forged = await decide(id, signed(id, 'approve', 'user:eve', 'b'.repeat(64)));
  expect(forged).toMatchObject({ kind: 'refused' });
  const late = { ...signed(id, 'approve', 'user:ada'), expiresAt: 1 };
  expect(await decide(id, late)).toMatchObject({ kind: 'refused' });
  const rows = await plane.rows(
    `select 1 from audit_events where action_id = $1 and event = 'approval_decided' and details->>'refused' is not null`,
    id,
  );
  expect(rows).toHaveLength(2);
  await signal(id, 'cancel');
  await plane.recorded('forged', 'cancelled');
});

test('a plain signal from Temporal lets it run, audited as unsigned', async () => {
  const id = await asked('plain');
  await signal(id, 'approve');
  await plane.healthyUntil('plain', 'succeeded');
  const [approval] = await plane.rows(
    'select approver, signed from approvals where action_id = $1',
    id,
  );
  expect(approval).toEqual({ approver: 'temporal', signed: false });
});

test('a no ends it, and the same condition does not ask again at once', async () => {
  const id = await asked('no');
  await decide(id, signed(id, 'reject', 'user:ada'));
  await plane.recorded('no', 'rejected');
  await plane.send('no', 'up', 0);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const actions = await plane.rows(`select 1 from actions where resource = 'default/no'`);
  expect(actions).toHaveLength(1);
  await expect(decide(id, signed(id, 'approve', 'user:ada'))).rejects.toThrow();
});

test('two of two must be different people', async () => {
  const id = await asked('two', { ...ASKS, required: 2 });
  const first = await decide(id, signed(id, 'approve', 'user:ada'));
  const again = await decide(id, signed(id, 'approve', 'user:ada'));
  expect([first, again]).toEqual([
    { kind: 'accepted', state: 'waiting' },
    { kind: 'accepted', state: 'waiting' },
  ]);
  expect(await decide(id, signed(id, 'approve', 'user:bob'))).toMatchObject({ state: 'approved' });
  await plane.healthyUntil('two', 'succeeded');
});

test('the deadline ends it as expired', async () => {
  await asked('late', { ...ASKS, deadlineMs: 1200 });
  await plane.recorded('late', 'expired');
});

test('the deadline lets it run where the policy says so', async () => {
  await asked('auto', { ...ASKS, deadlineMs: 1200, onDeadline: 'approve' });
  await plane.healthyUntil('auto', 'succeeded');
});

test('the condition turning false while a person thinks ends it as cleared', async () => {
  const id = await asked('clear');
  await plane.send('clear', 'up', 1);
  await plane.recorded('clear', 'cancelled');
  const [row] = await plane.rows('select outcome_reason from actions where action_id = $1', id);
  expect(row).toEqual({ outcome_reason: 'cleared' });
});

test('an action that asks nobody cannot be approved', async () => {
  await plane.apply(
    ...watched('unasked', 'up == 0', { verify: { settleMs: 0, stableMs: 100, withinMs: 20_000 } }),
  );
  await plane.send('unasked', 'up', 0);
  const id = await waitFor('the action', async () => {
    const [row] = await plane.rows<{ action_id: string }>(
      `select action_id from actions where resource = 'default/unasked' and state = 'verifying'`,
    );
    return row?.action_id;
  });
  await expect(decide(id, signed(id, 'approve', 'user:ada'))).rejects.toBeInstanceOf(
    WorkflowUpdateFailedError,
  );
  await plane.healthyUntil('unasked', 'succeeded');
});

test('an action that is called off after the yes, before its effect, ends and does not come back at once', async () => {
  const id = await asked('off');
  await plane.rows(
    `insert into pauses (scope, reason, actor) values ('default/off', 'work', 'me')`,
  );
  await decide(id, signed(id, 'approve', 'user:ada'));
  await waitFor('the queue', async () => {
    const open = await plane.rows(
      `select 1 from requests where action_id = $1 and state = 'open'`,
      id,
    );
    return open.length === 1;
  });
  const called = await decide(id, signed(id, 'cancel', 'user:ada'));
  expect(called).toEqual({ kind: 'accepted', state: 'cancelled' });
  await plane.recorded('off', 'cancelled');
  await plane.rows(`delete from pauses`);
  await waitFor('the cooldown', async () => {
    const handle = plane.temporal.client.workflow.getHandle('resource/default/off');
    const { policies } = await handle.query<ResourceStatus>(QUERIES.status);
    return policies.some(({ phase }) => phase === 'cooldown');
  });
  expect(await plane.rows(`select 1 from actions where resource = 'default/off'`)).toHaveLength(1);
});

test('an action whose effect has begun can no longer be called off, and says so', async () => {
  await plane.apply(...watched('begun', 'up == 0'));
  await plane.send('begun', 'up', 0);
  const id = await waitFor('the effect', async () => {
    const [row] = await plane.rows<{ action_id: string }>(
      `select action_id from actions where resource = 'default/begun' and state = 'verifying'`,
    );
    return row?.action_id;
  });
  await expect(decide(id, signed(id, 'cancel', 'user:ada'))).rejects.toMatchObject({
    cause: { message: 'its effect has begun: it can no longer be called off' },
  });
  await plane.healthyUntil('begun', 'succeeded');
});

test('a plain cancel counts for nothing where unsigned signals are refused', async () => {
  const strict = await startControlPlane((home) => [createCountingRuntime(home)], {
    deps: { allowUnsignedSignals: false },
  });
  try {
    await strict.apply(...watched('strict', 'up == 0', { approval: ASKS }));
    await strict.send('strict', 'up', 0);
    const id = await waitFor('the approval to be asked', async () => {
      return askedOn(strict, 'default/strict');
    });
    const handle = strict.temporal.client.workflow.getHandle(actionWorkflowId(id));
    await waitFor('the signal to be taken', () =>
      handle.signal('cancel').then(
        () => true,
        () => false,
      ),
    );
    const yes = await handle.executeUpdate<DecisionAnswer, [SignedDecision]>(UPDATES.decide, {
      args: [signed(id, 'approve', 'user:ada')],
    });
    expect(yes).toEqual({ kind: 'accepted', state: 'approved' });
    await strict.healthyUntil('strict', 'succeeded');
  } finally {
    await strict.stop();
  }
}, 60_000);
