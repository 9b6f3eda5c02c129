import { judgeLastFix } from '../../activities/trust';
import { TRUST_LIMITS } from '../../domain/action/trust';
import type { Policy } from '../../domain/policy/policy';
import { inTransaction, query } from '../../storage/database';
import { liftDemotion, loadDemotion } from '../../storage/demotions';
import { makeResult, type Made } from '../support/action-results';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { policy as policyOf } from '../support/manifest-objects';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const KEY = 'default/down';
const MINUTE = 60_000;

async function fires(changes: Partial<Policy> = {}, more: { revision?: number; at?: number } = {}) {
  const { revision = 1, at = Date.now() } = more;
  const [policy] = policyOf('down', changes).policies;
  if (policy === undefined) throw new Error('no policy');
  const stored = { policy, revision, createdRevision: 1 };
  const firing = { resource: 'default/web', firedAt: at, limits: TRUST_LIMITS };
  await inTransaction(database.pool, (db) => judgeLastFix(db, stored, firing));
  return loadDemotion(database.pool, { key: KEY, revision });
}

/** Results in this order, the last one just now. */
async function acted(...results: Made[]): Promise<void> {
  for (const [i, made] of results.entries()) {
    await makeResult(database.pool, KEY, { agoMs: (results.length - 1 - i) * MINUTE, ...made });
  }
}

const held = { outcome: 'succeeded' };
const falseFix = { outcome: 'succeeded', isFalse: true };

async function events(): Promise<string[]> {
  const rows = await query<{ event: string }>(
    database.pool,
    'select event from audit_events order by id',
    [],
  );
  return rows.map(({ event }) => event);
}

test('the third false fix among the last five demotes, once', async () => {
  await acted(falseFix, held, falseFix, held, held);
  const demotion = await fires();
  expect(demotion?.reason).toBe('3 of its last 5 fixes did not hold');
  await fires();
  expect(await events()).toEqual(['demoted']);
  expect(await query(database.pool, 'select kind, resolved from notices', [])).toEqual([
    { kind: 'demoted', resolved: false },
  ]);
});

test.each<[string, Made[]]>([
  ['two false fixes are not too many', [falseFix, held, held]],
  ['what lies further back does not count', [falseFix, falseFix, held, held, held, held]],
  ['what failed is no false fix', [falseFix, falseFix, { outcome: 'failed' }]],
  [
    'what only told people is no fix',
    [falseFix, falseFix, { outcome: 'succeeded', fixedBy: null }],
  ],
  [
    'fixes of an earlier revision do not count',
    [{ ...falseFix, revision: 0 }, { ...falseFix, revision: 0 }, held],
  ],
])('%s', async (_name, results) => {
  await acted(...results);
  expect(await fires()).toBeNull();
  expect(await events()).toEqual([]);
});

test('a fix that held for ten minutes was none', async () => {
  await acted(
    { ...falseFix, agoMs: 13 * MINUTE },
    { ...falseFix, agoMs: 12 * MINUTE },
    { ...held, agoMs: 11 * MINUTE },
  );
  expect(await fires()).toBeNull();
  const long = await fires({ cooldownMs: 30 * MINUTE });
  expect(long).not.toBeNull();
});

test('a policy that says so is never demoted, and its false fixes are kept all the same', async () => {
  await acted(falseFix, falseFix, held);
  expect(await fires({ onFalseFixes: 'ignore' })).toBeNull();
  const [row] = await query<{ count: number }>(
    database.pool,
    'select count(*)::int as count from action_results where false_fix_at is not null',
    [],
  );
  expect(row?.count).toBe(3);
});

test('an edit lifts it, and that is told; so does a person, and older fixes then count no more', async () => {
  await acted(falseFix, falseFix, held);
  expect(await fires()).not.toBeNull();
  expect(await fires({}, { revision: 2 })).toBeNull();
  expect(await events()).toEqual(['demoted', 'promoted']);
  await fires({}, { revision: 2 });
  expect(await events()).toEqual(['demoted', 'promoted']);

  await acted(
    ...[falseFix, falseFix, held].map((made): Made => ({ ...made, revision: 2, agoMs: 0 })),
  );
  expect(await fires({}, { revision: 2 })).not.toBeNull();
  const at = { key: KEY, revision: 2 };
  expect(await liftDemotion(database.pool, at, 'user:ann')).toBe(true);
  await acted({ ...held, revision: 2 });
  expect(await fires({}, { revision: 2 })).toBeNull();
});
