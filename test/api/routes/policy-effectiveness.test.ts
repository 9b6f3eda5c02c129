import { query } from '../../../storage/database';
import { insertDemotion } from '../../../storage/demotions';
import { applyRevision } from '../../../storage/manifests';
import { makeResult } from '../../support/action-results';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { policy } from '../../support/manifest-objects';

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  const objects = [policy('down'), policy('other')];
  const revision = { source: 'test', author: 'ann', correlationId: null, mode: 'upsert' } as const;
  await applyRevision(database.pool, { ...revision, objects, deletions: [] });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

async function get(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await api.app.inject({ method: 'GET', url: `/api/v1/policies/${path}` });
  return { status: answer.statusCode, body: answer.json() };
}

async function promote(path: string, payload: object) {
  const answer = await api.app.inject({
    method: 'POST',
    url: `/api/v1/policies/${path}/promote`,
    payload,
    headers: { 'x-vigil-actor': 'ann' },
  });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
}

const rung = (step: number, action: string, result: 'fixed' | 'failed', undo = false) => ({
  ...{ step, action, result },
  undo: undo ? ('restored' as const) : null,
});

test('rates say what they are of, and every rung how often it helped', async () => {
  const { pool } = database;
  const make = (made: Parameters<typeof makeResult>[2]) => makeResult(pool, 'default/down', made);
  await make({ outcome: 'succeeded', rungs: [rung(0, 'restart', 'fixed')], tookMs: 60_000 });
  const failedRestart = rung(0, 'restart', 'failed');
  const id = await make({
    outcome: 'succeeded',
    fixedBy: 1,
    rungs: [failedRestart, rung(1, 'scale', 'fixed')],
    tookMs: 120_000,
    isFalse: true,
  });
  await make({ outcome: 'rolled_back', rungs: [failedRestart, rung(1, 'scale', 'failed', true)] });
  await make({ outcome: 'inconclusive', rungs: [failedRestart] });
  await make({ outcome: 'expired' });
  // People were told: it helped nobody, and is no fix that could be false.
  await make({ outcome: 'succeeded', fixedBy: null });
  await make({ outcome: 'failed', agoMs: 40 * 86_400_000 });
  await makeResult(pool, 'default/other', { outcome: 'failed' });

  const { status, body } = await get('default/down/effectiveness');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    policy: 'default/down',
    actions: 6,
    outcomes: { succeeded: 3, rolled_back: 1, inconclusive: 1, expired: 1 },
    success: { rate: 0.6, count: 3, of: 5 },
    inconclusive: { rate: 0.2, count: 1, of: 5 },
    falseFix: { rate: 0.5, count: 1, of: 2 },
    timeToFix: { medianMs: 90_000, p90Ms: 114_000, of: 2 },
    rungs: [
      { step: 0, action: 'restart', tried: 4, fixed: 1, undone: 0 },
      { step: 1, action: 'scale', tried: 2, fixed: 1, undone: 1 },
    ],
    falseFixes: [{ action: id, resource: 'default/web' }],
    demotion: null,
  });
  expect((await get('down/effectiveness')).body).toMatchObject({
    policy: 'default/down',
    actions: 6,
  });
  const longer = await get('default/down/effectiveness?window=60d');
  expect(longer.body).toMatchObject({ actions: 7, success: { count: 3, of: 6 } });
});

test('a policy that never acted has no rates, and one that is not there is not found', async () => {
  const { body } = await get('default/down/effectiveness?window=1h');
  expect(body).toMatchObject({
    actions: 0,
    outcomes: {},
    success: { rate: null, count: 0, of: 0 },
    falseFix: { rate: null, count: 0, of: 0 },
    timeToFix: { medianMs: null, p90Ms: null, of: 0 },
    rungs: [],
  });
  expect((await get('default/gone/effectiveness')).status).toBe(404);
  expect((await get('default/down/effectiveness?window=soon')).status).toBe(422);
  expect((await get('default/down/effectiveness?window=999999d')).status).toBe(422);
});

test('a person lets a demoted policy act by itself again, with a reason', async () => {
  const { pool } = database;
  const reason = '3 of its last 5 fixes did not hold';
  const [row] = await query<{ revision: number }>(
    pool,
    `select revision from policies where policy = 'default/down'`,
    [],
  );
  await insertDemotion(pool, { key: 'default/down', revision: row?.revision ?? 0 }, reason);
  expect((await get('down/effectiveness')).body).toMatchObject({ demotion: { reason } });
  expect((await promote('default/down', {})).status).toBe(422);
  const because = { reason: 'the disk was replaced' };
  const { status, body } = await promote('down', because);
  expect({ status, body }).toEqual({
    status: 200,
    body: { policy: 'default/down', wasDemoted: reason },
  });
  expect((await get('down/effectiveness')).body).toMatchObject({ demotion: null });
  const audit = await query(
    pool,
    `select event, policy, door, details from audit_events where event = 'promoted'`,
    [],
  );
  expect(audit).toEqual([
    { event: 'promoted', policy: 'default/down', door: 'api', details: because },
  ]);
  const notices = await query(pool, 'select kind, key, resolved from notices', []);
  expect(notices).toEqual([{ kind: 'demoted', key: 'demoted:default/down', resolved: true }]);
  expect((await promote('down', because)).status).toBe(409);
});
