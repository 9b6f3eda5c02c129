import { query } from '../../storage/database';
import { createSeriesCache, seriesKey, type SeriesName } from '../../storage/series';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const named = (name: string, tags: Record<string, string> = {}, source = 's'): SeriesName => ({
  ...{ name, tags, source },
});
const ids = async (cache: ReturnType<typeof createSeriesCache>, names: SeriesName[]) =>
  (await cache.resolve(names)).map(({ seriesId }) => seriesId);

test('the key tells series apart by name, tags and source, whatever the order of tags', () => {
  expect(seriesKey(named('a', { x: '1', y: '2' }))).toBe(seriesKey(named('a', { y: '2', x: '1' })));
  const keys = [
    named('a'),
    named('b'),
    named('a', {}, 't'),
    named('a', { x: '1' }),
    named('a', { x: '1', y: '' }),
    named('a', { 'x","1': '' }),
  ].map(seriesKey);
  expect(new Set(keys).size).toBe(keys.length);
});

test('a series keeps its id, in this process and in another', async () => {
  const names = [named('kept', { host: 'a' }), named('kept', { host: 'b' })];
  const first = createSeriesCache({ pool: database.pool, capacity: 10 });
  const [a, b] = await ids(first, names);
  expect(a).not.toBe(b);
  expect(await ids(first, [...names].reverse())).toEqual([b, a]);
  const second = createSeriesCache({ pool: database.pool, capacity: 10 });
  expect(await ids(second, [...names, ...names])).toEqual([a, b, a, b]);
});

test('the owner and the member are those that the tags name', async () => {
  const cache = createSeriesCache({ pool: database.pool, capacity: 10 });
  const [series] = await cache.resolve([
    named('owned', { namespace: 'prod', service: 'web', host: 'a' }),
  ]);
  expect(series).toMatchObject({ owner: 'prod/web', member: 'prod/web@a' });
  expect(
    await query(database.pool, `select owner, member, tags from series where name = 'owned'`),
  ).toEqual([
    {
      owner: 'prod/web',
      member: 'prod/web@a',
      tags: { namespace: 'prod', service: 'web', host: 'a' },
    },
  ]);
});

test('two processes that meet the same new series agree on its id', async () => {
  const names = Array.from({ length: 40 }, (_, i) => named(`met_${i}`));
  const caches = Array.from({ length: 4 }, () =>
    createSeriesCache({ pool: database.pool, capacity: 100 }),
  );
  const found = await Promise.all(
    caches.map((cache, i) => ids(cache, i % 2 === 0 ? names : [...names].reverse())),
  );
  expect(found[2]).toEqual(found[0]);
  expect([...(found[1] ?? [])].reverse()).toEqual(found[0]);
});

test('more series than the cache holds are still resolved rightly', async () => {
  const cache = createSeriesCache({ pool: database.pool, capacity: 4 });
  const names = Array.from({ length: 20 }, (_, i) => named(`many_${i}`));
  const first = await ids(cache, names);
  expect(new Set(first).size).toBe(20);
  expect(await ids(cache, names)).toEqual(first);
});
