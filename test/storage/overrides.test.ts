import { randomUUID } from 'node:crypto';
import { inTransaction, query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import {
  endOverrides,
  listOverrides,
  loadOverrides,
  releaseOverride,
  setOverride,
  undoOverrides,
} from '../../storage/overrides';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
  await withReplicas(2);
});
afterEach(async () => {
  await database.drop();
});

const WEB = 'default/web';

async function withReplicas(replicas: number | null): Promise<void> {
  const objects =
    replicas === null
      ? []
      : [service('web', { runtime: { type: 'external' }, desired: { replicas } })];
  await applyRevision(database.pool, {
    ...{ source: 'folder:test', author: 'vigil', correlationId: null, deletions: [] },
    ...{ mode: 'replaceSource', objects },
  });
}

function set(value: number, actionId: string, forMs: number | null = null): Promise<void> {
  const what = { resource: WEB, pointer: '/replicas' as const, value, actionId, forMs };
  return inTransaction(database.pool, (db) => setOverride(db, { ...what, policy: 'default/busy' }));
}

const undo = (actionId: string) =>
  inTransaction(database.pool, (db) => undoOverrides(db, actionId));
const value = async () => (await loadOverrides(database.pool, [WEB])).get(WEB)?.[0]?.value ?? null;
const events = async () =>
  (
    await query<{ event: string }>(
      database.pool,
      `select event from audit_events where event like 'override%' order by id`,
      [],
    )
  ).map(({ event }) => event);

test('a number stands until the manifest says another one', async () => {
  await set(4, randomUUID());
  expect(await loadOverrides(database.pool, [WEB, 'default/other'])).toEqual(
    new Map([[WEB, [{ pointer: '/replicas', value: 4, policy: 'default/busy', until: null }]]]),
  );
  await withReplicas(2);
  expect(await value()).toBe(4);
  await withReplicas(3);
  // In the revision's own transaction.
  expect(await events()).toEqual(['override_set', 'override_ended']);
  expect(await value()).toBeNull();
});

test('it ends with its time and with its resource', async () => {
  await set(4, randomUUID(), 3_600_000);
  expect(await value()).toBe(4);
  await query(database.pool, `update overrides set until = now() - interval '1 second'`, []);
  expect(await value()).toBeNull();
  expect(await inTransaction(database.pool, endOverrides)).toBe(1);
  await set(5, randomUUID());
  await withReplicas(null);
  expect(await value()).toBeNull();
  expect(await inTransaction(database.pool, endOverrides)).toBe(0);
  expect(await inTransaction(database.pool, endOverrides)).toBe(0);
});

test('what an action set goes when it is undone, and what stood before stands again', async () => {
  const [first, second] = [randomUUID(), randomUUID()];
  await set(3, first);
  await set(4, second);
  // An activity that is tried again says it again.
  await set(4, second);
  expect(await value()).toBe(4);
  await undo(second);
  expect(await value()).toBe(3);
  await undo(second);
  expect(await value()).toBe(3);
  await undo(first);
  expect(await value()).toBeNull();
});

test('a person ends it, once', async () => {
  await set(3, randomUUID());
  const release = () =>
    inTransaction(database.pool, (db) =>
      releaseOverride(db, { resource: WEB, pointer: '/replicas', actor: 'user:ann' }),
    );
  expect(await listOverrides(database.pool, WEB)).toMatchObject([{ value: 3, desired: 2 }]);
  expect(await release()).toBe(true);
  expect(await release()).toBe(false);
  expect(await listOverrides(database.pool, null)).toEqual([]);
});
