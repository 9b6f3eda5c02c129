import type { Pool } from 'pg';
import { isDatabaseAway } from './away';
import { createPartitions } from './partitions';
import { createSeriesCache, type Series, type SeriesName } from './series';

/** A validated sample on its way into the database. */
export interface NewSample extends SeriesName {
  tags: Record<string, string>;
  /** Epoch ms. */
  ts: number;
  value: number;
}

/** A sample that was committed. */
export interface StoredSample {
  seriesId: number;
  name: string;
  tags: Readonly<Record<string, string>>;
  owner: string | null;
  member: string | null;
  /** Epoch ms. */
  ts: number;
  value: number;
  /** Seconds between timestamp and receipt. */
  lag: number;
  correlationId: string | null;
}

export interface SampleStore {
  /** Resolves after the commit; rejects with what PostgreSQL said, or StoreBusyError. */
  append(samples: readonly NewSample[], correlationId: string | null): Promise<void>;
  /** Samples that wait for their commit. */
  buffered(): number;
  /** Commits what waits, takes nothing more. */
  close(): Promise<void>;
}

export interface SampleStoreOptions {
  pool: Pool;
  /** Epoch ms. */
  now: () => number;
  /** Called after each commit, in order of commits; synchronous, must not throw. */
  onCommitted?: (rows: StoredSample[]) => void;
  /** How long the first request of a group waits for others. */
  groupMs?: number;
  /** Rows of one transaction; a larger request still is one. */
  maxGroupRows?: number;
  /** Rows that may wait; more are refused with StoreBusyError. */
  maxBufferedRows?: number;
  /** Series ids kept in memory. */
  maxCachedSeries?: number;
}

/** More samples wait than the store may hold: the sender should come back later. */
export class StoreBusyError extends Error {
  constructor(buffered: number) {
    super(`${buffered} samples wait for their commit`);
    this.name = 'StoreBusyError';
  }
}

interface Append {
  samples: readonly NewSample[];
  correlationId: string | null;
  receivedAt: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const MIN_LAG = -32_768;
const MAX_LAG = 32_767;
/** A server that stopped answering must not hold requests for ever. */
const COMMIT_DEADLINE_MS = 10_000;
const NO_PARTITION = '23514';

/** Group commit: requests that arrive within `groupMs`, or while a commit runs, share one transaction. */
export function createSampleStore(options: SampleStoreOptions): SampleStore {
  const { now, groupMs = 2, maxGroupRows = 20_000, maxBufferedRows = 200_000 } = options;
  const commit = createCommitter(options);
  const waiting: Append[] = [];
  let bufferedRows = 0;
  let isClosed = false;
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, groupMs));
    while (waiting.length > 0) {
      const group = takeGroup(waiting, maxGroupRows);
      await commitGroup(group);
    }
    running = null;
  }

  async function commitGroup(group: readonly Append[]): Promise<void> {
    let rows: StoredSample[];
    try {
      rows = await commit(group);
    } catch (error) {
      if (group.length === 1 || isDatabaseAway(error)) {
        settle(group, (append) => {
          append.reject(error);
        });
        return;
      }
      // One request that the database refuses must not take the others with it.
      for (const append of group) await commitGroup([append]);
      return;
    }
    settle(group, (append) => {
      append.resolve();
    });
    options.onCommitted?.(rows);
  }

  function settle(group: readonly Append[], end: (append: Append) => void): void {
    for (const append of group) {
      bufferedRows -= append.samples.length;
      end(append);
    }
  }

  return {
    append(samples, correlationId) {
      if (samples.length === 0) return Promise.resolve();
      if (isClosed || (bufferedRows > 0 && bufferedRows + samples.length > maxBufferedRows)) {
        return Promise.reject(new StoreBusyError(bufferedRows));
      }
      bufferedRows += samples.length;
      return new Promise((resolve, reject) => {
        waiting.push({ samples, correlationId, receivedAt: now(), resolve, reject });
        running ??= run();
      });
    },
    buffered: () => bufferedRows,
    async close() {
      isClosed = true;
      await running;
    },
  };
}

/** Removes the first requests from `waiting`: as many as have `maxRows`, at least one. */
function takeGroup(waiting: Append[], maxRows: number): Append[] {
  let rows = 0;
  const fits = waiting.findIndex((append) => (rows += append.samples.length) > maxRows);
  return waiting.splice(0, fits === -1 ? waiting.length : Math.max(fits, 1));
}

type Committer = (group: readonly Append[]) => Promise<StoredSample[]>;

/** Resolves series, makes partitions, inserts: answers the rows once they are committed. */
function createCommitter({ pool, maxCachedSeries = 100_000 }: SampleStoreOptions): Committer {
  const series = createSeriesCache({ pool, capacity: maxCachedSeries });
  const partitions = createPartitions(pool);

  async function insert(rows: readonly StoredSample[]): Promise<void> {
    await partitions.ensure(rows.map((row) => row.ts));
    await insertSamples(pool, rows);
  }

  return async (group) => {
    const rows = toRows(group, await series.resolve(group.flatMap(({ samples }) => samples)));
    try {
      await insert(rows);
    } catch (error) {
      if ((error as { code?: unknown }).code !== NO_PARTITION) throw error;
      partitions.forget();
      await insert(rows);
    }
    return rows;
  };
}

/** `resolved` has the series of every sample of the group, in order. */
function toRows(group: readonly Append[], resolved: readonly Series[]): StoredSample[] {
  const samples = group.flatMap((append) => append.samples.map((sample) => ({ sample, append })));
  return resolved.flatMap(({ seriesId, name, tags, owner, member }, i) => {
    const at = samples[i];
    if (at === undefined) return [];
    const { ts, value } = at.sample;
    const { receivedAt, correlationId } = at.append;
    const lag = Math.min(MAX_LAG, Math.max(MIN_LAG, Math.round((receivedAt - ts) / 1000)));
    return [{ seriesId, name, tags, owner, member, ts, value, lag, correlationId }];
  });
}

/** One statement, hence one transaction. Arrays go as text: far cheaper than the driver's quoting. */
async function insertSamples(pool: Pool, rows: readonly StoredSample[]): Promise<void> {
  const array = (of: (row: StoredSample) => number) => `{${rows.map(of).join(',')}}`;
  const statement = {
    name: 'insert-samples',
    text: `insert into samples (series_id, lag, ts, value)
           select s, l, to_timestamp(t / 1000.0), v
           from unnest($1::int4[], $2::int2[], $3::float8[], $4::float8[]) as r(s, l, t, v)`,
    values: [
      array((row) => row.seriesId),
      array((row) => row.lag),
      array((row) => row.ts),
      array((row) => row.value),
    ],
    query_timeout: COMMIT_DEADLINE_MS,
  };
  await pool.query(statement);
}
