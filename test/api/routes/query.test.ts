import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';

const MINUTE = 60_000;
/** A whole minute, so that steps are easy to name. */
const START = Math.floor(Date.now() / MINUTE) * MINUTE - 10 * MINUTE;

interface Item {
  name: string;
  tags: Record<string, string>;
  timestamp: string;
  value: number;
  points: { timestamp: string; value: number }[];
}
interface Answer {
  items: Item[];
  nextCursor: string | null;
}

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  const samples = ['a', 'b'].flatMap((host, h) =>
    [0, 1, 2, 3].map((i) => ({
      name: 'load',
      value: 10 * h + i,
      tags: host === 'a' ? { host, zone: 'x' } : { host },
      timestamp: START + i * 30_000,
    })),
  );
  const other = { name: 'other', value: 1, timestamp: START };
  const sent = await api.app.inject({
    method: 'POST',
    url: '/ingest',
    payload: [...samples, other],
  });
  expect(sent.statusCode).toBe(201);
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

async function get(query: string): Promise<Answer> {
  const answer = await api.app.inject(`/api/v1/query?${query}`);
  expect([query, answer.statusCode, answer.statusCode === 200 || answer.body]).toEqual([
    query,
    200,
    true,
  ]);
  return answer.json<Answer>();
}
const values = async (query: string) => (await get(query)).items.map(({ value }) => value);

test('the last hour of a metric comes in order of time', async () => {
  const { items, nextCursor } = await get('name=load&tag=host=a');
  expect(items.map(({ timestamp, value }) => [timestamp, value])).toEqual(
    [0, 1, 2, 3].map((i) => [new Date(START + i * 30_000).toISOString(), i]),
  );
  expect(items[0]).toMatchObject({ name: 'load', tags: { host: 'a', zone: 'x' }, source: 'api' });
  expect(nextCursor).toBeNull();
});

test.each([
  ['name=load&tag=host=b', [10, 11, 12, 13]],
  ['name=load&tag=host!=b', [0, 1, 2, 3]],
  ['name=load&tag=zone=', [10, 11, 12, 13]],
  ['name=load&tag=zone!=', [0, 1, 2, 3]],
  ['name=load&tag=host=a&tag=zone=y', []],
  ['name=load&tag=host=a&tag=host!=b', [0, 1, 2, 3]],
  ['name=nothing', []],
  [`name=load&tag=host=a&from=${START + 30_000}&to=${START + 60_000}`, [1, 2]],
  [`name=load&tag=host=a&from=${new Date(START + 90_000).toISOString()}`, [3]],
  [`name=load&tag=host=a&to=${START - 1}`, []],
])('%s selects', async (query, expected) => {
  expect(await values(query)).toEqual(expected);
});

test('a time with a zone works with its plus sign unescaped', async () => {
  const local = new Date(START + 90_000 + 7_200_000).toISOString().replace('Z', '+02:00');
  expect(await values(`name=load&tag=host=a&from=${local}`)).toEqual([3]);
});

test('pages follow each other without gap or repetition', async () => {
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let pages = 0; cursor !== null && pages < 10; pages++) {
    const page: Answer = await get(`name=load&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.items.map(({ tags, value }) => `${tags['host'] ?? ''}${value}`));
    cursor = page.nextCursor;
  }
  expect(seen).toEqual(['a0', 'b10', 'a1', 'b11', 'a2', 'b12', 'a3', 'b13']);
});

test.each([
  ['avg', [0.5, 2.5]],
  ['min', [0, 2]],
  ['max', [1, 3]],
  ['sum', [1, 5]],
  ['count', [2, 2]],
  ['last', [1, 3]],
])('a step of a minute gives the %s of each series', async (aggregate, expected) => {
  const { items } = await get(`name=load&tag=host=a&step=1m&aggregate=${aggregate}`);
  expect(items).toHaveLength(1);
  expect(items[0]?.points).toEqual(
    expected.map((value, i) => ({
      timestamp: new Date(START + i * MINUTE).toISOString(),
      value,
    })),
  );
});

test('series are paged when steps are asked for', async () => {
  const first = await get('name=load&step=1m&limit=1');
  expect(first.items.map(({ tags }) => tags['host'])).toEqual(['a']);
  const second = await get(`name=load&step=1m&limit=1&cursor=${first.nextCursor ?? ''}`);
  expect(second.items.map(({ tags }) => tags['host'])).toEqual(['b']);
  expect(second.nextCursor).toBeNull();
});

test.each([
  ['from=yesterday', 'from'],
  ['from=2026-03-01T00:00:00', 'from'],
  [`from=${START}&to=${START - 1}`, 'from'],
  ['limit=0', 'limit'],
  ['limit=10001', 'limit'],
  ['tag=host', 'tag'],
  ['step=1ms', 'step'],
  ['step=soon', 'step'],
  ['step=0', 'step'],
  ['aggregate=avg', 'step'],
  ['step=1m&aggregate=median', 'aggregate'],
  ['cursor=nonsense', 'cursor'],
  ['nmae=load', 'nmae'],
])('%s is refused, naming the field', async (query, field) => {
  const answer = await api.app.inject(`/query?${query}`);
  expect(answer.statusCode).toBe(422);
  const { problems } = answer.json<{ problems: { field: string }[] }>();
  expect(problems.map((problem) => problem.field)).toEqual([field]);
});
