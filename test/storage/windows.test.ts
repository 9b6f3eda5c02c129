import { createWindows } from '../../detector/windows';
import type { Selector } from '../../domain/policy/ast';
import type { SeriesWindow } from '../../domain/policy/series';
import { loadSeriesOf } from '../../storage/detector-load';
import { createSampleStore } from '../../storage/samples';
import { loadSamples, loadWindows, type WindowSelection } from '../../storage/windows';
import { createTestDatabase, type TestDatabase } from '../support/database';

/** Milliseconds matter: the base is no whole second. */
const BASE = Date.UTC(2026, 0, 31, 23, 59, 59, 250);

interface Arrival {
  name?: string;
  tags?: Record<string, string>;
  /** Milliseconds after BASE. */
  at: number;
  value: number;
  /** Seconds between timestamp and receipt. */
  lag?: number;
}

const ARRIVALS: readonly Arrival[] = [
  { at: 1000, value: 1 },
  { at: 3000, value: 3 },
  { at: 2000, value: 2 },
  { at: 2000, value: 22, lag: 5 },
  { at: 2000, value: 21, lag: 4 },
  { at: 3000, value: 3 },
  { at: 4000, value: 4, lag: 60 },
  { at: 5000, value: 5, lag: 61 },
  { at: 6000, value: 6, lag: -2 },
  { at: 1000, value: 0.5, tags: { mount: '/' } },
  { at: 1500, value: 7, name: 'memory' },
  { at: 1500, value: 8, name: 'unread' },
  { at: 1500, value: 9, tags: { resource: 'other' } },
  { at: 1500, value: 10, tags: { host: 'a' } },
  { at: 900_000, value: 11, lag: 61, tags: { mount: '/late' } },
];

interface Implementation {
  arrive: (arrivals: readonly Arrival[]) => Promise<void>;
  windows: (selection: WindowSelection) => Promise<SeriesWindow[]>;
}

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function store(arrivals: readonly Arrival[]): Promise<void> {
  let now = 0;
  const samples = createSampleStore({ pool: database.pool, now: () => now });
  for (const { name = 'cpu', tags = {}, at, value, lag = 0 } of arrivals) {
    now = BASE + at + lag * 1000;
    const sample = { name, tags: { resource: 'web', ...tags }, source: 't', ts: BASE + at, value };
    await samples.append([sample], null);
  }
  await samples.close();
}

const IMPLEMENTATIONS: [string, () => Implementation][] = [
  [
    'windows from SQL',
    () => ({ arrive: store, windows: (selection) => loadWindows(database.pool, selection) }),
  ],
  [
    'windows in memory, one sample after the other',
    () => {
      const windows = createWindows();
      return {
        async arrive(arrivals) {
          await store(arrivals);
          await keepAll(windows);
          const series = await loadSeriesOf(database.pool, ['cpu', 'memory', 'unread']);
          for (const { name = 'cpu', tags = {}, at, value, lag = 0 } of arrivals) {
            const wanted = JSON.stringify(Object.entries({ resource: 'web', ...tags }).sort());
            const { seriesId } = series.find(
              (one) =>
                one.name === name && JSON.stringify(Object.entries(one.tags).sort()) === wanted,
            ) ?? { seriesId: -1 };
            const ts = BASE + at;
            windows.add(seriesId, { ts, value, receivedAt: ts + lag * 1000 }, ts);
          }
        },
        windows: (selection) => Promise.resolve(windows.of(selection)),
      };
    },
  ],
  [
    'windows in memory, hydrated twice',
    () => {
      const windows = createWindows();
      return {
        async arrive(arrivals) {
          await store(arrivals);
          await keepAll(windows);
          for (let round = 0; round < 2; round += 1) {
            const loaded = await loadSamples(database.pool, windows.ids(), BASE - 3_600_000);
            for (const [id, samples] of loaded) {
              for (const sample of samples) windows.add(id, sample, BASE);
            }
          }
        },
        windows: (selection) => Promise.resolve(windows.of(selection)),
      };
    },
  ],
];

/** Of web's policies one names the resource `other`, too. */
async function keepAll(windows: ReturnType<typeof createWindows>): Promise<void> {
  for (const series of await loadSeriesOf(database.pool, ['cpu', 'memory', 'unread'])) {
    const resources = [series.owner, series.member].filter((key) => key !== null);
    const readers = resources.map((resource) => ({ resource, isForeign: false }));
    const isNamed = series.owner === 'default/other';
    const far = isNamed ? [{ resource: 'default/web', isForeign: true }] : [];
    windows.keep(series, [...far, ...readers], 3_600_000);
  }
}

const NAMES_OTHER: Selector = {
  kind: 'selector',
  at: 0,
  metric: 'cpu',
  matchers: [{ label: 'resource', op: '=~', value: 'oth.*' }],
};

const select = (changes: Partial<WindowSelection> = {}): WindowSelection => ({
  resource: 'default/web',
  metrics: ['cpu', 'memory'],
  foreign: [NAMES_OTHER],
  from: BASE,
  to: BASE + 10_000,
  ...changes,
});

describe.each(IMPLEMENTATIONS)('%s', (_, create) => {
  let windows: Implementation['windows'];
  beforeEach(async () => {
    const implementation = create();
    await implementation.arrive(ARRIVALS);
    windows = implementation.windows;
  });

  test('have the series of the resource and its metrics, also without a sample', async () => {
    const own = (await windows(select())).filter(({ isForeign }) => isForeign !== true);
    expect(own.map(({ name, tags }) => ({ name, tags }))).toEqual([
      { name: 'cpu', tags: { resource: 'web' } },
      { name: 'cpu', tags: { resource: 'web', mount: '/' } },
      { name: 'memory', tags: { resource: 'web' } },
      { name: 'cpu', tags: { resource: 'web', host: 'a' } },
      { name: 'cpu', tags: { resource: 'web', mount: '/late' } },
    ]);
  });

  test('ascend, take the last received of one timestamp, and leave out what came too late', async () => {
    const [cpu] = await windows(select());
    expect(cpu?.samples).toEqual([
      { ts: BASE + 1000, value: 1, receivedAt: BASE + 1000 },
      { ts: BASE + 2000, value: 22, receivedAt: BASE + 7000 },
      { ts: BASE + 3000, value: 3, receivedAt: BASE + 3000 },
      { ts: BASE + 4000, value: 4, receivedAt: BASE + 64_000 },
      { ts: BASE + 6000, value: 6, receivedAt: BASE + 4000 },
    ]);
  });

  test('include both ends', async () => {
    const [cpu] = await windows(select({ from: BASE + 2000, to: BASE + 4000 }));
    expect(cpu?.samples.map(({ ts }) => ts - BASE)).toEqual([2000, 3000, 4000]);
  });

  test('have no sample of a series that only came too late', async () => {
    const late = await windows(select({ to: BASE + 1_000_000 }));
    expect(late.find(({ tags }) => tags['mount'] === '/late')).toMatchObject({
      tags: { mount: '/late' },
      samples: [],
    });
  });

  test('of a member have what names its host', async () => {
    const member = await windows(select({ resource: 'default/web@a', foreign: [] }));
    expect(member).toMatchObject([{ tags: { host: 'a' }, samples: [{ value: 10 }] }]);
  });

  test('have what a selector names of another resource, marked as foreign', async () => {
    const foreign = (await windows(select())).filter(({ isForeign }) => isForeign === true);
    expect(foreign).toMatchObject([
      { name: 'cpu', tags: { resource: 'other' }, samples: [{ value: 9 }] },
    ]);
  });

  test('of a stranger are empty', async () => {
    expect(await windows(select({ resource: 'default/nobody', foreign: [] }))).toEqual([]);
  });
});
