import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { createActivities, DEFAULT_CONSTANTS, type Activities } from '../../activities';
import type { ActionPlan } from '../../domain/action/action';
import { createLogger } from '../../platform/logger';
import { saveVote } from '../../storage/approvals';
import { query } from '../../storage/database';
import { findRequest, insertRequest } from '../../storage/requests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { serviceSpec } from '../support/manifest-objects';

let database: TestDatabase;
let activities: Activities;
let plan: ActionPlan;

beforeEach(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  activities = createActivities({
    pool,
    // What is asked here asks nothing of Temporal.
    temporal: null as unknown as Client,
    logger: createLogger('test', 'silent'),
    runtimes: new Map(),
    home: '.',
    approvalKey: () => '',
    allowUnsignedSignals: true,
    hasSearchAttributes: false,
    constants: DEFAULT_CONSTANTS,
  });
  plan = {
    actionId: randomUUID(),
    resource: 'default/web',
    namespace: 'default',
    policy: null,
    policyRevision: 0,
    severity: 'warning',
    spec: serviceSpec(),
    steps: [{ action: 'restart', params: {} }],
    verify: { settleMs: 0, stableMs: 0, withinMs: 1 },
    approval: { required: 1, deadlineMs: 60_000, onDeadline: 'approve' },
    dryRun: false,
    requestedBy: 'policy:default/web-down',
    reason: 'up == 0',
    correlationId: null,
  };
  await insertRequest(pool, {
    ...{ plan, generation: 1, episode: 1, since: Date.now(), maxConcurrent: 1, forced: false },
    ...{ state: 'awaiting_approval', waiter: `action/${plan.actionId}` },
  });
});
afterEach(() => database.drop());

async function say(decision: 'approve' | 'withdrawn'): Promise<void> {
  const vote = { actor: 'user:ada', comment: null, door: 'api', isSigned: true };
  await saveVote(database.pool, plan.actionId, { ...vote, decision });
}

async function openNotices(): Promise<number> {
  const rows = await query<{ resolved: boolean }>(
    database.pool,
    'select resolved from notices where action_id = $1 order by id',
    [plan.actionId],
  );
  return rows.filter(({ resolved }) => !resolved).length;
}

test('a yes that was taken back before admission is none: no slot, and people are asked', async () => {
  await say('approve');
  await say('withdrawn');
  const { actionId } = plan;
  expect(await activities.admit({ actionId })).toEqual({ kind: 'unapproved', turn: 0 });
  expect(await findRequest(database.pool, actionId)).toMatchObject({
    state: 'awaiting_approval',
    token: null,
  });
  expect(await openNotices()).toBe(1);
  await say('approve');
  expect(await activities.admit({ actionId })).toMatchObject({ kind: 'granted' });
});

test('an approval by the deadline needs no yes', async () => {
  const { actionId } = plan;
  await activities.deadlinePassed({ plan });
  expect(await activities.admit({ actionId })).toMatchObject({ kind: 'granted' });
});

test('the escalation is written once, however often its activity is tried', async () => {
  const escalating: ActionPlan = {
    ...plan,
    approval: {
      ...{ required: 1, deadlineMs: 60_000, onDeadline: 'escalate' },
      ...{ of: ['user:ada'], escalateTo: ['user:eve'] },
    },
  };
  await activities.escalateApproval({ plan: escalating });
  await activities.escalateApproval({ plan: escalating });
  const rows = await query<{ details: Record<string, unknown> }>(
    database.pool,
    `select details from audit_events where action_id = $1 and event = 'approval_escalated'`,
    [plan.actionId],
  );
  expect(rows.map(({ details }) => [details['of'], details['people']])).toEqual([
    [['user:eve'], ['ada', 'eve']],
  ]);
  // The first question and the escalation are told as incidents of their own.
  expect(await openNotices()).toBe(2);
});

test('an action that ended takes no decision', async () => {
  await activities.withdraw({ actionId: plan.actionId, reason: 'cleared' });
  const received = { kind: 'plain', decision: 'approve', comment: null } as const;
  expect(await activities.decide({ plan, received })).toEqual({
    kind: 'refused',
    reason: 'the action has ended',
  });
});
