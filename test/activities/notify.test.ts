import { createNotifyActivities } from '../../activities/notify';
import type { ActivityDeps } from '../../activities';
import { query } from '../../storage/database';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { notifyPlan } from '../support/notices';

let database: TestDatabase;
let notify: ReturnType<typeof createNotifyActivities>['notify'];

beforeEach(async () => {
  database = await createTestDatabase();
  ({ notify } = createNotifyActivities({ pool: database.pool } as ActivityDeps));
});
afterEach(() => database.drop());

const notices = () =>
  query<{ key: string; title: string; text: string; channel: string | null; severity: string }>(
    database.pool,
    'select key, title, text, channel, severity from notices order by id',
  );
const audited = () =>
  query<{ step: number; details: Record<string, unknown> }>(
    database.pool,
    `select step, details from audit_events where event = 'notified' order by id`,
  );

test('a step notify writes what people are told and says so in the audit', async () => {
  const plan = notifyPlan({
    steps: [{ action: 'notify', params: { message: 'look at web', channel: 'ops' } }],
  });
  expect(await notify({ plan, step: 0 })).toEqual({ summary: 'told: look at web' });
  const [told] = await notices();
  expect(told).toMatchObject({ title: 'look at web', channel: 'ops', severity: 'critical' });
  expect(told?.text).toContain('up == 0');
  expect(told?.text).toContain('./vigil why default/web');
  expect(await audited()).toEqual([
    {
      step: 0,
      details: {
        key: 'policy:default/web-policy:default/web:0',
        title: 'look at web',
        channel: 'ops',
      },
    },
  ]);
});

test('a step notify that is tried again tells once', async () => {
  const plan = notifyPlan();
  await notify({ plan, step: 0 });
  await notify({ plan, step: 0 });
  expect(await notices()).toHaveLength(1);
  expect(await audited()).toHaveLength(1);
});

test('a dry run is audited and tells nobody', async () => {
  await notify({ plan: notifyPlan({ dryRun: true }), step: 0 });
  expect(await notices()).toEqual([]);
  expect(await audited()).toMatchObject([{ details: { dryRun: true } }]);
});

test('without a message the title names the resource and the reason', async () => {
  await notify({ plan: notifyPlan(), step: 0 });
  expect(await notices()).toMatchObject([{ title: 'default/web: up == 0', channel: null }]);
});
