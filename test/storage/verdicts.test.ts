import { inTransaction, query } from '../../storage/database';
import { loadNeedingWorkflow, loadUnhandled, markSent } from '../../storage/deliveries';
import { applyRevision } from '../../storage/manifests';
import {
  deleteVerdicts,
  loadAllVerdicts,
  loadVerdictSets,
  lockVerdicts,
  nextVersions,
  pairsUnderWay,
  saveVerdicts,
  type StoredVerdict,
} from '../../storage/verdicts';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { policy } from '../support/manifest-objects';
import { waitFor } from '../support/wait';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const T = Date.UTC(2026, 0, 31, 12, 0, 0, 123);

const verdict = (changes: Partial<StoredVerdict> = {}): StoredVerdict => ({
  resource: 'default/web',
  policy: 'default/failing',
  verdict: 'true',
  value: 9.5,
  evidence: [{ series: 'errors', value: 9.5, ts: T, receivedAt: T, verdict: 'true' }],
  since: T,
  clearedAt: null,
  severity: 'warning',
  policyRevision: 1,
  conditionHash: 'hash',
  version: 1,
  updatedAt: T + 1,
  ...changes,
});

const pair = { resource: 'default/web', policy: 'default/failing' };

test('a verdict is read as it was written, to the millisecond', async () => {
  await saveVerdicts(database.pool, [verdict()]);
  expect(await loadAllVerdicts(database.pool)).toEqual([verdict()]);
});

test('when it was last cleared is kept until it is cleared again', async () => {
  await saveVerdicts(database.pool, [verdict({ verdict: 'false', clearedAt: T + 5 })]);
  await saveVerdicts(database.pool, [verdict({ version: 2 })]);
  expect(await loadAllVerdicts(database.pool)).toMatchObject([{ clearedAt: T + 5, version: 2 }]);
});

test('deleting answers only what was there', async () => {
  await saveVerdicts(database.pool, [verdict()]);
  const other = { ...pair, policy: 'default/none' };
  expect(await deleteVerdicts(database.pool, [pair, other])).toEqual([pair]);
  expect(await loadAllVerdicts(database.pool)).toEqual([]);
});

test('a set has the `for` of the revision that was evaluated, not of a newer one', async () => {
  const apply = async (forMs: number) => {
    const base = policy('failing').policies[0]?.condition;
    if (base === undefined) throw new Error('no condition');
    const result = await applyRevision(database.pool, {
      source: 'test',
      author: 'vigil',
      correlationId: null,
      mode: 'upsert',
      objects: [policy('failing', { condition: { ...base, forMs } })],
      deletions: [],
    });
    return result.kind === 'applied' ? (result.revision ?? 0) : 0;
  };
  const revision = await apply(5000);
  await apply(7000);
  await saveVerdicts(database.pool, [verdict({ policyRevision: revision })]);
  const sets = await loadVerdictSets(database.pool, ['default/web', 'default/none']);
  expect(sets).toEqual(
    new Map([
      [
        'default/web',
        [
          {
            policy: 'default/failing',
            policyRevision: revision,
            verdict: 'true',
            since: T,
            forMs: 5000,
            severity: 'warning',
            conditionHash: 'hash',
          },
        ],
      ],
      ['default/none', []],
    ]),
  );
});

test('versions grow in the order of commits: writers wait for each other', async () => {
  const order: string[] = [];
  let release: (() => void) | null = null;
  const first = inTransaction(database.pool, async (db) => {
    await lockVerdicts(db);
    const [version] = await nextVersions(db, 1);
    await new Promise<void>((resolve) => (release = resolve));
    order.push('first');
    return version ?? 0;
  });
  const letGo = await waitFor('the first one holds the lock', () => release);
  const second = inTransaction(database.pool, async (db) => {
    await lockVerdicts(db);
    order.push('second');
    const [version] = await nextVersions(db, 1);
    return version ?? 0;
  });
  letGo();
  expect(await first).toBeLessThan(await second);
  expect(order).toEqual(['first', 'second']);
});

const insertEpisode = (column: string, value: string) =>
  query(
    database.pool,
    `insert into episodes (resource, policy, generation, episode, ${column})
     values ('default/web', 'default/failing', 1, 1, ${value})`,
  );

test.each([
  ['cools down', 'cooldown_until', `to_timestamp(${T} / 1000.0) + interval '1 s'`, true],
  ['has cooled down', 'cooldown_until', `to_timestamp(${T} / 1000.0)`, false],
  ['backs off', 'backoff_until', `to_timestamp(${T} / 1000.0) + interval '1 s'`, true],
  ['is held', 'held_gate', `'paused'`, true],
  ['has only been', 'attempts', '2', false],
])('an episode that %s: %s', async (_, column, value, isUnderWay) => {
  await insertEpisode(column, value);
  expect(await pairsUnderWay(database.pool, [pair], T)).toEqual(isUnderWay ? [pair] : []);
});

const insertRequest = (state: string) =>
  query(
    database.pool,
    `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity,
       since, policy_revision, plan, state, waiter)
     values (gen_random_uuid(), 'default/web', 'default/failing', 1, 1, 1, 'default/web', 'warning',
       now(), 1, '{}', $1, 'resource/default/web')`,
    [state],
  );

test.each([
  ['awaiting_approval', true],
  ['open', true],
  ['granted', true],
  ['closed', false],
])('a request that is %s needs a workflow: %s', async (state, isNeeded) => {
  await insertRequest(state);
  expect(await pairsUnderWay(database.pool, [pair], T)).toEqual(isNeeded ? [pair] : []);
  expect(await loadNeedingWorkflow(database.pool)).toEqual(isNeeded ? ['default/web'] : []);
});

test('a true verdict needs a workflow unless one is about to be started', async () => {
  await saveVerdicts(database.pool, [verdict(), verdict({ resource: 'b/c', verdict: 'unknown' })]);
  expect(await loadNeedingWorkflow(database.pool)).toEqual(['default/web']);
  await query(
    database.pool,
    `insert into outbox (workflow_id, kind, payload, starts, priority)
     values ('resource/default/web', 'verdictsChanged', '{}', true, 0)`,
  );
  expect(await loadNeedingWorkflow(database.pool)).toEqual([]);
});

test('what was sent long enough ago, is true and not handled is found', async () => {
  await saveVerdicts(database.pool, [verdict(), verdict({ resource: 'b/c', verdict: 'false' })]);
  await markSent(database.pool, [{ resource: 'b/c', version: 6 }], T);
  await markSent(database.pool, [{ resource: 'default/web', version: 7 }], T);
  expect(await loadUnhandled(database.pool, T)).toEqual([]);
  expect(await loadUnhandled(database.pool, T + 1)).toEqual([
    { resource: 'default/web', version: 7 },
  ]);
  await query(database.pool, 'update deliveries set handled_version = 7');
  expect(await loadUnhandled(database.pool, T + 1)).toEqual([]);
});
