import type { Pool } from 'pg';
import { createPool, query } from '../../storage/database';
import { dropOldPartitions } from '../../storage/partitions';
import {
  createSampleStore,
  StoreBusyError,
  type NewSample,
  type SampleStoreOptions,
  type StoredSample,
} from '../../storage/samples';
import { createTestDatabase, serverUrl, type TestDatabase } from '../support/database';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-01T12:00:00Z');

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

function sample(more: Partial<NewSample> = {}): NewSample {
  return { name: 'm', tags: {}, source: 'test', ts: NOW, value: 1, ...more };
}

function storeOn(pool: Pool, more: Partial<SampleStoreOptions> = {}) {
  return createSampleStore({ pool, now: () => NOW, ...more });
}

const count = async () =>
  (await query<{ n: number }>(database.pool, 'select count(*) as n from samples'))[0]?.n;
const partitions = async () =>
  (
    await query<{ name: string }>(
      database.pool,
      `select inhrelid::regclass::text as name from pg_inherits
       where inhparent = 'samples'::regclass order by 1`,
    )
  ).map(({ name }) => name);

test('requests that arrive together share one transaction, and each hears of its own commit', async () => {
  const groups: StoredSample[][] = [];
  const store = storeOn(database.pool, { onCommitted: (rows) => groups.push(rows) });
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => store.append([sample({ value: i })], `request-${i}`)),
  );
  expect(groups).toHaveLength(1);
  expect(groups[0]?.map(({ value, correlationId }) => [value, correlationId])).toEqual(
    Array.from({ length: 50 }, (_, i) => [i, `request-${i}`]),
  );
  const [{ transactions } = {}] = await query<{ transactions: number }>(
    database.pool,
    'select count(distinct xmin::text) as transactions from samples',
  );
  expect(transactions).toBe(1);
  expect(store.buffered()).toBe(0);
  await store.close();
});

test('the lag is seconds from timestamp to receipt, within two bytes', async () => {
  const rows: StoredSample[] = [];
  const store = storeOn(database.pool, { onCommitted: (group) => rows.push(...group) });
  const ages = [0, 1499, 61_000, -300_000, 20 * DAY];
  await store.append(
    ages.map((age) => sample({ ts: NOW - age })),
    null,
  );
  expect(rows.map(({ lag }) => lag)).toEqual([0, 1, 61, -300, 32_767]);
  const stored = await query(database.pool, 'select ts, lag from samples order by ts desc');
  expect(stored).toContainEqual({ ts: NOW - 1499, lag: 1 });
  await store.close();
});

test('each UTC day gets its partition, also when two processes want it at once', async () => {
  const stores = Array.from({ length: 6 }, () => storeOn(database.pool));
  await Promise.all(
    stores.map((store) =>
      store.append(
        [sample(), sample({ ts: NOW - DAY }), sample({ ts: NOW - 12 * 3_600_000 })],
        null,
      ),
    ),
  );
  expect(await partitions()).toEqual(['samples_20260228', 'samples_20260301']);
  expect(await count()).toBe(18);
  const indexes = await query(
    database.pool,
    `select 1 from pg_indexes where tablename = 'samples_20260301' and indexdef like '%(series_id, ts)%'`,
  );
  expect(indexes).toHaveLength(1);
  for (const store of stores) await store.close();
});

test('a partition that somebody dropped is made again', async () => {
  const store = storeOn(database.pool);
  await store.append([sample()], null);
  await query(database.pool, 'drop table samples_20260301');
  await store.append([sample()], null);
  expect(await count()).toBe(1);
  await store.close();
});

test('days wholly before the retention are dropped, and no others', async () => {
  const store = storeOn(database.pool);
  await store.append(
    [0, 1, 2, 3].map((days) => sample({ ts: NOW - days * DAY })),
    null,
  );
  expect(await dropOldPartitions(database.pool, NOW, 2 * DAY)).toEqual(['samples_20260226']);
  expect(await partitions()).toEqual(['samples_20260227', 'samples_20260228', 'samples_20260301']);
  expect(await dropOldPartitions(database.pool, NOW, 2 * DAY)).toEqual([]);
  await store.close();
});

test('a request that the database refuses does not take the others of its group with it', async () => {
  const heard: StoredSample[] = [];
  const store = storeOn(database.pool, { onCommitted: (rows) => heard.push(...rows) });
  const results = await Promise.allSettled([
    store.append([sample({ value: 1 })], null),
    store.append([sample({ tags: { bad: '\0' } })], null),
    store.append([sample({ value: 2 })], null),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(heard.map(({ value }) => value)).toEqual([1, 2]);
  expect(await count()).toBe(2);
  await store.close();
});

/** Of the database's own server, seen from outside: ends what is connected, too. */
async function allowConnections(areAllowed: boolean): Promise<void> {
  const admin = createPool({ url: serverUrl(), poolSize: 1, name: 'test' });
  const name = new URL(database.url).pathname.slice(1);
  await query(admin, `alter database ${name} allow_connections ${areAllowed}`);
  if (!areAllowed) {
    const end = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1';
    await query(admin, end, [name]);
  }
  await admin.end();
}

test('every request of a group fails while PostgreSQL is away, and later ones succeed', async () => {
  const pool = createPool({ url: database.url, poolSize: 1, name: 'test' });
  const store = storeOn(pool);
  await store.append([sample()], null);
  await allowConnections(false);
  const results = await Promise.allSettled([
    store.append([sample()], null),
    store.append([sample()], null),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await allowConnections(true);
  await store.append([sample()], null);
  expect(await count()).toBe(2);
  expect(store.buffered()).toBe(0);
  await store.close();
  await pool.end();
});

test('a full store refuses at once, but takes a large request when it is empty', async () => {
  const store = storeOn(database.pool, { maxBufferedRows: 3 });
  const three = [sample(), sample(), sample()];
  const first = store.append([...three, sample()], null);
  await expect(store.append([sample()], null)).rejects.toThrow(StoreBusyError);
  await first;
  await store.append(three, null);
  expect(await count()).toBe(7);
  await store.close();
});

test('closing commits what waits and takes nothing more', async () => {
  const store = storeOn(database.pool);
  const waiting = store.append([sample()], null);
  await store.close();
  await waiting;
  expect(await count()).toBe(1);
  await expect(store.append([sample()], null)).rejects.toThrow(StoreBusyError);
});
