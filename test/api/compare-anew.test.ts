import { pino } from 'pino';
import { startComparingAnew } from '../../api/compare-anew';
import type { ServiceSpec } from '../../domain/resource';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { createTestApi, type TestApi } from '../support/api';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';
import { waitFor } from '../support/wait';

const NOW = Date.UTC(2026, 4, 1, 12, 0, 0);

let database: TestDatabase;
let api: TestApi;
let comparing: ReturnType<typeof startComparingAnew>;
let now = NOW;

beforeEach(async () => {
  now = NOW;
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool, deps: { now: () => now } });
  await apply({ version: '1.3' });
  await report({ isRunning: true, version: '1.3' });
  comparing = compareAnew();
});
afterEach(async () => {
  await comparing.close();
  await api.close();
  await database.drop();
});

function compareAnew(): ReturnType<typeof startComparingAnew> {
  const logger = pino({ level: 'silent' });
  return startComparingAnew({ pool: database.pool, logger, now: () => now });
}

async function apply(
  desired: NonNullable<ServiceSpec['desired']>,
  ...others: string[]
): Promise<void> {
  const runtime = { type: 'external' as const };
  const sync = { mode: 'detect' as const, cooldownMs: 1000 };
  await applyRevision(database.pool, {
    ...{ source: 'folder', author: 'vigil', correlationId: null, deletions: [] },
    mode: 'replaceSource',
    objects: ['shop', ...others].map((name) => service(name, { runtime, sync, desired })),
  });
}

async function report(payload: object, name = 'shop'): Promise<void> {
  const url = `/api/v1/state/default/${name}`;
  expect((await api.app.inject({ method: 'PUT', url, payload })).statusCode).toBe(200);
}

const rows = (sql: string) => query<Record<string, unknown>>(database.pool, sql);
const drift = () =>
  rows('select pointer, desired, onset, resolved_at from drift_events order by id');

test('what was reported once is compared with each new revision, and stays as old as it is', async () => {
  now += 3_600_000;
  await apply({ version: '1.4' });
  await waitFor('the difference', async () => (await drift()).length === 1);
  expect(await drift()).toEqual([
    { pointer: '/version', desired: '1.4', onset: now, resolved_at: null },
  ]);
  expect(await rows('select observed_at, observer from states')).toEqual([
    { observed_at: NOW, observer: 'anonymous' },
  ]);
  expect(await rows('select value, lag, ts from samples order by ts')).toEqual([
    { value: 0, lag: 0, ts: NOW },
    { value: 1, lag: 0, ts: now },
  ]);

  now += 1000;
  await apply({ version: '1.3' });
  await waitFor('its end', async () => (await drift())[0]?.['resolved_at'] === now);
  expect(
    await rows(`select event, actor from audit_events where event like 'drift%' order by id`),
  ).toEqual([
    { event: 'drift_detected', actor: 'vigil' },
    { event: 'drift_resolved', actor: 'vigil' },
  ]);
});

test('who changed the manifest is told, and known at the next report', async () => {
  await apply({ version: '1.5' });
  await waitFor('a first round', async () => (await drift()).length === 1);
  await apply({ version: '1.3' });
  await waitFor('its end', async () => (await drift())[0]?.['resolved_at'] !== null);
  await apply({ version: '1.4' });
  await waitFor('the difference', async () => (await drift()).length === 2);
  const what = 'the manifest changed in revision 4 of folder';
  const attribution = { from: 'git', by: 'vigil', what };
  const told = () => rows('select attribution from drift_events where resolved_at is null');
  expect(await told()).toMatchObject([{ attribution }]);
  now += 1000;
  await report({ isRunning: true, version: '1.3' });
  expect(
    await rows(`select observed -> 'attribution' -> '/version' as attribution from states`),
  ).toMatchObject([{ attribution }]);
});

test.each(['the next report', 'the next start'])(
  'who changed the manifest while nobody compared is told by %s',
  async (by) => {
    await comparing.close();
    await apply({ version: '1.4' });
    if (by === 'the next report') await report({ isRunning: true, version: '1.3' });
    else comparing = compareAnew();
    const told = () => rows('select attribution from drift_events');
    await waitFor('the difference', async () => (await told()).length === 1);
    const what = 'the manifest changed in revision 2 of folder';
    expect(await told()).toMatchObject([{ attribution: { from: 'git', by: 'vigil', what } }]);
  },
);

test('a revision that was compared and made no difference explains none later', async () => {
  await report({ isRunning: true, version: '1.4' });
  await waitFor('the difference', async () => (await drift()).length === 1);
  await comparing.close();
  await apply({ version: '1.3', image: 'shop:1' });
  comparing = compareAnew();
  await waitFor('the comparison', async () => {
    const [state] = await rows('select changed from states');
    return Object.keys(state?.['changed'] as object).length === 0;
  });
  await report({ isRunning: true, version: '1.4', image: 'shop:2' });
  expect(await rows(`select attribution from drift_events where pointer = '/image'`)).toEqual([
    { attribution: null },
  ]);
});

test('a report from before a step is compared with a later manifest all the same', async () => {
  now += 62_000;
  await rows(
    `insert into journal (action_id, step, target, token, snapshot, ended_at)
     values ('7f7dbb29-2a83-4a6c-9b1b-0f5c3a1f3a10', 0, 'default/shop', 1, '{}', to_timestamp(${NOW + 500} / 1000.0))`,
  );
  await apply({ version: '1.4' });
  await waitFor('the difference', async () => (await drift()).length === 1);
});

test('what is known from right before a step is no drift after it', async () => {
  const ended = (at: number) => `to_timestamp(${at} / 1000.0)`;
  await rows(
    `insert into journal (action_id, step, target, token, snapshot, ended_at)
     values ('7f7dbb29-2a83-4a6c-9b1b-0f5c3a1f3a10', 0, 'default/shop', 1, '{}', ${ended(NOW + 500)})`,
  );
  now += 60_000;
  await apply({ version: '1.4' }, 'other');
  await report({ isRunning: true, version: '1.3' }, 'other');
  await apply({ version: '1.5' }, 'other');
  const of = (resource: string) =>
    rows(`select 1 from drift_events where resource = '${resource}' and desired = '"1.5"'`);
  await waitFor('that of another', async () => (await of('default/other')).length === 1);
  expect(await of('default/shop')).toEqual([]);
});

test('what cannot be compared does not keep the others from it', async () => {
  await apply({ version: '1.3' }, 'other');
  await report({ isRunning: true, version: '1.3' }, 'other');
  await rows(`update states set observed = '{"config": 1}' where resource = 'default/other'`);
  await apply({ version: '1.4' }, 'other');
  await waitFor('the difference', async () => (await drift()).length === 1);
});

test('a revision that changes nothing in what is desired writes nothing', async () => {
  await apply({ version: '1.3', image: 'shop:1' });
  await apply({ version: '1.4' });
  await waitFor('the second one', async () => (await drift()).length === 1);
  expect(await rows('select count(*) as samples from samples')).toEqual([{ samples: 2 }]);
});
