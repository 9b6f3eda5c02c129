import type { Client } from '@temporalio/client';
import { createActivities, DEFAULT_CONSTANTS, type Activities } from '../../activities';
import { createLogger } from '../../platform/logger';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { createSampleStore } from '../../storage/samples';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { watched } from '../support/policies';
import { waitFor } from '../support/wait';

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
    approvalKey: () => '',
    allowUnsignedSignals: false,
    hasSearchAttributes: false,
    constants: DEFAULT_CONSTANTS,
  });
  await applyRevision(pool, {
    source: 'test',
    author: 'vigil',
    correlationId: null,
    mode: 'upsert',
    objects: watched('web', 'up == 0'),
    deletions: [],
  });
  const samples = createSampleStore({ pool, now: Date.now, onCommitted: () => undefined });
  const tags = { namespace: 'default', resource: 'web' };
  await samples.append([{ name: 'up', tags, source: 'test', ts: Date.now(), value: 0 }], null);
  await samples.close();
});
afterEach(() => database.drop());

const INPUT = {
  resource: 'default/web',
  policy: 'default/web-policy',
  handledVersion: 0,
  correlationId: null,
};

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
