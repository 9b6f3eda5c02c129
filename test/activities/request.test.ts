import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { createActivities, DEFAULT_CONSTANTS, type Activities } from '../../activities';
import type { Schedule } from '../../domain/calendar';
import type { Policy } from '../../domain/policy/policy';
import { createLogger } from '../../platform/logger';
import { query } from '../../storage/database';
import { admit } from '../../storage/admission';
import { applyRevision } from '../../storage/manifests';
import { createDatabaseJournal } from '../../storage/journal';
import { createSampleStore } from '../../storage/samples';
import { createTestApi } from '../support/api';
import { condition as whole } from '../support/conditions';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';
import { watched } from '../support/policies';
import { ask, putGroup } from '../support/requests';
import { waitFor } from '../support/wait';
import { writeDefinition } from '../support/definitions';

let database: TestDatabase;
let activities: Activities;

beforeEach(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  activities = createActivities({
    pool,
    // A request asks nothing of Temporal.
    temporal: null as unknown as Client,
    logger: createLogger('test', 'silent'),
    runtimes: new Map(),
    home: '/nonexistent',
    approvalKey: () => '',
    allowUnsignedSignals: false,
    hasSearchAttributes: false,
    constants: DEFAULT_CONSTANTS,
  });
  await applyPolicy({});
  await sendUp(0);
});
afterEach(() => database.drop());

async function sendUp(value: number): Promise<void> {
  const { pool } = database;
  const samples = createSampleStore({ pool, now: Date.now, onCommitted: () => undefined });
  const tags = { namespace: 'default', resource: 'web' };
  await samples.append([{ name: 'up', tags, source: 'test', ts: Date.now(), value }], null);
  await samples.close();
}

const DAY_MS = 86_400_000;
const INPUT = {
  resource: 'default/web',
  policy: 'default/web-policy',
  handledVersion: 0,
  correlationId: null,
};

async function applyPolicy(changes: Partial<Policy>): Promise<void> {
  await applyRevision(database.pool, {
    source: 'test',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: watched('web', 'up == 0', changes),
    deletions: [],
  });
}

/** Whole days in UTC, counted from today: nothing opens or closes while a test runs, but at midnight at most. */
function scheduleOn(...daysFromToday: number[]): Schedule {
  const days = daysFromToday.map((n) => new Date(midnightIn(n)).getUTCDay() || 7);
  return { timezone: 'UTC', active: [{ days, startMinute: 0, endMinute: 1440 }] };
}

function midnightIn(days: number): number {
  return (Math.floor(Date.now() / DAY_MS) + days) * DAY_MS;
}

test('tries of one request that overlap make one action', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => activities.request(INPUT)));
  const ids = answers.map((answer) => ('plan' in answer ? answer.plan.actionId : answer.kind));
  expect(new Set(ids).size).toBe(1);
  expect(await query(database.pool, 'select 1 from requests')).toHaveLength(1);
});

test('a disabled policy asks for nothing, and what was granted before does not act', async () => {
  const { pool } = database;
  const made = await activities.request(INPUT);
  if (made.kind !== 'start') throw new Error(made.kind);
  const disabled = watched('web', 'up == 0', { enabled: false }).slice(1);
  await applyRevision(pool, {
    source: 'test',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: disabled,
    deletions: [],
  });
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'gone' });
  const { plan, token } = made;
  expect(await activities.begin({ plan, step: 0, token: token ?? 0 })).toEqual({
    kind: 'stop',
    outcome: 'cancelled',
    reason: 'the policy is disabled',
  });
});

test.each([
  ['done', 'go', true],
  ['begun', 'stop', false],
])('a step that is %s and whose condition has cleared: %s', async (_state, kind, isEnded) => {
  const made = await activities.request(INPUT);
  if (made.kind !== 'start' || made.token === null) throw new Error(JSON.stringify(made));
  const { plan, token } = made;
  const journal = createDatabaseJournal(database.pool);
  const key = { actionId: plan.actionId, step: 0, target: plan.resource, token };
  await journal.begin(key, { identity: null, takenAt: 0 });
  if (isEnded) await journal.end(key, { identity: null, summary: 'did it' });
  await sendUp(1);
  expect(await activities.begin({ plan, step: 0, token })).toMatchObject({ kind });
});

test('a resume that is being written is waited for: no hold is written that nobody lifts', async () => {
  const { pool } = database;
  await query(pool, `insert into pauses (scope, reason, actor) values ('*', 'work', 'me')`);
  const resuming = await pool.connect();
  try {
    await resuming.query('begin');
    await resuming.query('delete from pauses');
    const asked = activities.request(INPUT);
    await waitFor('the request to wait', async () => {
      const waits = await query(
        pool,
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waits.length > 0;
    });
    await resuming.query('commit');
    expect(await asked).not.toMatchObject({ kind: 'held' });
  } finally {
    resuming.release();
  }
});

test('outside its schedule a policy is held until the next window opens, and why tells so', async () => {
  const opensAt = midnightIn(3);
  await applyPolicy({ schedule: scheduleOn(3) });

  const answer = await activities.request(INPUT);

  const hold = { gate: 'outside_schedule', until: opensAt };
  expect(answer).toMatchObject({ kind: 'held', hold });
  expect(await query(database.pool, 'select 1 from requests')).toEqual([]);
  const api = await createTestApi({ pool: database.pool, temporalAddress: '127.0.0.1:1' });
  try {
    const why = (await api.app.inject('/why/web')).json<{ text: string[] }>();
    const text = why.text.join('\n');
    expect(text).toMatch(
      /held back by outside_schedule: outside its schedule \(\w{3} 00:00-24:00 UTC\)\n/,
    );
    expect(text).toContain(`until ${new Date(opensAt).toISOString().slice(0, 10)} 00:00:00 (in `);
  } finally {
    await api.close();
  }
});

test('within its schedule a policy may act', async () => {
  await applyPolicy({ schedule: scheduleOn(-1, 0, 1) });
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'start' });
});

test('a request whose window closed while it was queued is granted when the next one opens', async () => {
  const { pool } = database;
  // As if every slot of the policy were taken.
  await applyPolicy({ limits: { attempts: 3, maxConcurrent: 0 } });
  const asked = await activities.request(INPUT);
  expect(asked).toMatchObject({ kind: 'queued', hold: { gate: 'max_concurrent' } });
  const actionId = 'plan' in asked ? asked.plan.actionId : '';

  await applyPolicy({ schedule: scheduleOn(3) });
  await query(pool, 'update requests set max_concurrent = 1');
  expect(await admit(pool, { own: actionId })).toMatchObject({
    kind: 'queued',
    hold: { gate: 'outside_schedule', until: midnightIn(3) },
  });
  await applyPolicy({ schedule: scheduleOn(-1, 0, 1) });
  expect(await admit(pool, { own: actionId })).toMatchObject({ kind: 'granted' });
});

test('a share of the targets is counted when the request is made, and rounds down', async () => {
  const limits = { attempts: 3, maxConcurrent: 1, maxConcurrentPercent: 50 };
  await applyPolicy({ target: { name: '*', labels: {} }, limits });
  for (const name of ['b', 'c', 'd', 'e']) {
    await applyRevision(database.pool, {
      ...{ source: name, author: 'vigil', correlationId: null },
      mode: 'upsert',
      objects: watched(name, 'up == 0').slice(0, 1),
      deletions: [],
    });
  }
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'start' });
  expect(await query(database.pool, 'select max_concurrent from requests')).toEqual([
    { max_concurrent: 2 },
  ]);
});

test('a policy whose condition is in its band of hysteresis still asks, as the detector says', async () => {
  const condition = { ...whole('up < 1'), clear: whole('up > 5').expression };
  await applyPolicy({ condition });
  const now = Date.now();
  await query(
    database.pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision,
       condition_hash, version, updated_at)
     values ('default/web', 'default/web-policy', 'true', '[]', to_timestamp($1::float8 / 1000), 'warning', 1,
       $2, 1, to_timestamp($1::float8 / 1000))`,
    [now - 60_000, condition.hash],
  );
  const samples = createSampleStore({ pool: database.pool, now: Date.now });
  const tags = { namespace: 'default', resource: 'web' };
  await samples.append([{ name: 'up', tags, source: 'test', ts: now, value: 3 }], null);
  await samples.close();
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'start' });
});

test('an action is as severe as the grade that holds', async () => {
  const grades = [{ severity: 'critical' as const, expression: whole('up == 0').expression }];
  await applyPolicy({ grades });
  expect(await activities.request(INPUT)).toMatchObject({ plan: { severity: 'critical' } });
});

test('a share of the targets that comes to nothing is held, and says so', async () => {
  await applyPolicy({ limits: { attempts: 3, maxConcurrent: 1, maxConcurrentPercent: 50 } });
  expect(await activities.request(INPUT)).toMatchObject({
    kind: 'held',
    hold: { gate: 'max_concurrent', detail: expect.stringContaining('50 % of its') as string },
  });
});

test('what is only kept after it cleared asks for no action', async () => {
  const condition = { ...whole('up == 0'), keepFiringMs: 900_000 };
  await applyPolicy({ condition });
  const samples = createSampleStore({ pool: database.pool, now: Date.now });
  const tags = { namespace: 'default', resource: 'web' };
  await samples.append([{ name: 'up', tags, source: 'test', ts: Date.now() + 1, value: 1 }], null);
  await samples.close();
  const answer = await waitFor('the newer sample counts', async () => {
    const asked = await activities.request(INPUT);
    return asked.kind === 'not_firing' && asked;
  });
  expect(answer).toMatchObject({ kind: 'not_firing', verdict: 'false' });
});

/** Closes what was granted as if its step had begun and the action been recorded with that outcome. */
async function actAndRecord(outcome: 'succeeded' | 'failed'): Promise<void> {
  const { pool } = database;
  const made = await activities.request(INPUT);
  if (made.kind !== 'start') throw new Error(JSON.stringify(made));
  await query(pool, 'update requests set begun_at = now() where action_id = $1', [
    made.plan.actionId,
  ]);
  await activities.record({ plan: made.plan, outcome, reason: 'test' });
}

test('a policy that used up its hour on a resource waits until the hour is over', async () => {
  await applyPolicy({ cooldownMs: 0, limits: { attempts: 3, maxConcurrent: 1, perHour: 2 } });
  await actAndRecord('succeeded');
  await actAndRecord('succeeded');
  const first = await query<{ at: number }>(
    database.pool,
    'select min(begun_at) as at from requests',
  );
  expect(await activities.request(INPUT)).toMatchObject({
    kind: 'held',
    hold: { gate: 'rate_limited', until: (first[0]?.at ?? 0) + 3_600_000 },
  });
});

test('a verdict that flaps is left alone until it was calm', async () => {
  await query(
    database.pool,
    `insert into verdicts (resource, policy, verdict, evidence, since, severity, policy_revision, condition_hash, version, edges)
     values ('default/web', 'default/web-policy', 'false', '[]', now(), 'warning', 1, 'h', 1,
       array(select now() - n * interval '1 minute' from generate_series(7, 1, -1) as n))`,
  );
  expect(await activities.request(INPUT)).toMatchObject({
    kind: 'held',
    hold: { gate: 'flapping' },
  });
});

test('a window that is open holds a policy until it ends; what was held is decided anew then', async () => {
  const { pool } = database;
  const now = Date.now();
  const window = {
    ...{ key: 'default/disks', namespace: 'default', name: 'disks', reason: 'new disks' },
    target: { name: 'web', labels: {} },
    fixed: [{ from: now - 1000, to: now + 60_000 }],
    recurring: null,
  };
  await writeDefinition(pool, 'MaintenanceWindow', window);
  expect(await activities.request(INPUT)).toMatchObject({
    kind: 'held',
    hold: { gate: 'maintenance', until: now + 60_000 },
  });
  expect(await query(pool, 'select 1 from requests')).toEqual([]);
  const fixed = [{ from: now - 60_000, to: now - 1000 }];
  await writeDefinition(pool, 'MaintenanceWindow', { ...window, fixed });
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'start' });
});

test('a policy that gave up is told to people once', async () => {
  await applyPolicy({ cooldownMs: 60_000, limits: { attempts: 1, maxConcurrent: 1 } });
  await actAndRecord('failed');
  for (let i = 0; i < 2; i += 1) {
    expect(await activities.request(INPUT)).toMatchObject({
      kind: 'held',
      hold: { gate: 'attempts_exhausted' },
    });
  }
  expect(await query(database.pool, 'select kind, resource from notices')).toEqual([
    { kind: 'attempts_exhausted', resource: 'default/web' },
  ]);
});

test('nobody is asked to approve what could not be done, and is asked once it can', async () => {
  const { pool } = database;
  await applyPolicy({ approval: { required: 1, deadlineMs: 60_000, onDeadline: 'expire' } });
  await putGroup(pool, 'all', { limits: { maxConcurrent: { kind: 'count', count: 1 } } });
  await applyRevision(pool, {
    ...{ source: 'test', author: 'vigil', correlationId: null, mode: 'upsert' },
    objects: [service('other')],
    deletions: [],
  });
  const other = await ask(pool, { target: 'default/other', policy: null });
  expect(await admit(pool, { own: other })).toMatchObject({ kind: 'granted' });
  const before = Date.now();
  const held = await activities.request(INPUT);
  expect(held).toMatchObject({ kind: 'held', hold: { gate: 'max_concurrent' } });
  // It looks again by itself.
  expect('hold' in held ? held.hold.until : null).toBeGreaterThan(before);
  await activities.withdraw({ actionId: other, reason: 'cleared' });
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'start', token: null });
});

test('a policy that only tells people needs no slot, no manifest and no workflow', async () => {
  const { pool } = database;
  await applyPolicy({ steps: [{ action: 'notify', params: { message: 'web is down' } }] });
  await query(pool, `update resources set deleted_at = now()`);
  const told = await activities.request(INPUT);
  expect(told).toMatchObject({ kind: 'held', hold: { gate: 'cooldown' } });
  expect(await query(pool, 'select kind, title from notices')).toEqual([
    { kind: 'policy', title: 'web is down' },
  ]);
  expect(await query(pool, 'select 1 from requests')).toEqual([]);
  expect(await activities.request(INPUT)).toMatchObject({
    kind: 'held',
    hold: { gate: 'cooldown' },
  });
  expect(await query(pool, 'select 1 from notices')).toHaveLength(1);
});

test('a person goes around the policy, not around a group, a window or a pause, unless forced', async () => {
  const { pool } = database;
  await putGroup(pool, 'all', { limits: { maxUnhealthy: { kind: 'count', count: 0 } } });
  const manual = (force: boolean) =>
    activities.requestManual({
      resource: 'default/web',
      request: {
        actionId: randomUUID(),
        steps: [{ action: 'restart', params: {} }],
        ...{ requestedBy: 'user:ann', reason: 'test', dryRun: false, correlationId: null, force },
      },
    });
  expect(await manual(false)).toMatchObject({ kind: 'queued', hold: { gate: 'blast_radius' } });
  expect(await manual(true)).toMatchObject({ kind: 'start' });
});

test('what a request waits for in the queue is in why, and counted', async () => {
  const { pool } = database;
  await putGroup(pool, 'all', { limits: { maxUnhealthy: { kind: 'count', count: 0 } } });
  expect(await activities.request(INPUT)).toMatchObject({ kind: 'queued' });
  const api = await createTestApi({ pool, temporalAddress: '127.0.0.1:1' });
  try {
    const why = (await api.app.inject('/why/web')).json<{ text: string[] }>();
    expect(why.text.join('\n')).toContain('held back by blast_radius');
    const metrics = (await api.app.inject('/metrics')).body;
    expect(metrics).toMatch(/vigil_actions_held_total\{reason="blast_radius".*\} 1/);
  } finally {
    await api.close();
  }
});

test('a request that is withdrawn after its grant was told tells the parent how it ended', async () => {
  const { pool } = database;
  const actionId = await ask(pool, { target: 'default/web', policy: INPUT.policy });
  await admit(pool);
  await activities.withdraw({ actionId, reason: 'cleared' });
  const told = await query(
    pool,
    `select payload ->> 'outcome' as outcome from outbox where kind = 'actionFinished' and action = $1`,
    [actionId],
  );
  expect(told).toEqual([{ outcome: 'cancelled' }]);
});
