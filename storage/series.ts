import type { Pool } from 'pg';
import { ownershipOf } from '../domain/resource';
import { query } from './database';

/** What identifies a series. */
export interface SeriesName {
  name: string;
  tags: Readonly<Record<string, string>>;
  source: string;
}

export interface Series extends SeriesName {
  seriesId: number;
  owner: string | null;
  member: string | null;
}

export interface SeriesCache {
  /** The series of each name given, in its order; unknown ones are inserted, in their own transaction. */
  resolve(names: readonly SeriesName[]): Promise<Series[]>;
}

interface Found {
  series_id: number;
  key: string;
}

/** Canonical text of name, tags and source: the order in which tags were sent does not matter. */
export function seriesKey({ name, tags, source }: SeriesName): string {
  const words = [name, source];
  for (const tag of Object.keys(tags).sort()) words.push(tag, tags[tag] ?? '');
  return JSON.stringify(words);
}

/** Series ids in memory: at most `capacity` of them, those used lately. */
export function createSeriesCache({
  pool,
  capacity,
}: {
  pool: Pool;
  capacity: number;
}): SeriesCache {
  // Two generations instead of a linked list: what was not used while one half filled is forgotten.
  let young = new Map<string, Series>();
  let old = new Map<string, Series>();

  function remember(key: string, series: Series): void {
    if (young.size >= capacity / 2) {
      old = young;
      young = new Map();
    }
    young.set(key, series);
  }

  function recall(key: string): Series | undefined {
    const found = young.get(key);
    if (found !== undefined) return found;
    const older = old.get(key);
    if (older !== undefined) remember(key, older);
    return older;
  }

  return {
    async resolve(names) {
      const keys = names.map(seriesKey);
      const resolved = new Map<string, Series>();
      const unknown = new Map<string, SeriesName>();
      names.forEach((name, i) => {
        const key = keys[i] ?? '';
        const known = recall(key);
        if (known !== undefined) resolved.set(key, known);
        else unknown.set(key, name);
      });
      if (unknown.size > 0) {
        for (const [key, series] of await insertSeries(pool, unknown)) {
          resolved.set(key, series);
          remember(key, series);
        }
      }
      return keys.flatMap((key) => resolved.get(key) ?? []);
    },
  };
}

/**
 * Inserts what is missing and answers all. Its own statement, so that an id is cached only when
 * committed; keys are sorted, so that two processes that insert the same series do not deadlock.
 */
async function insertSeries(
  pool: Pool,
  names: ReadonlyMap<string, SeriesName>,
): Promise<Map<string, Series>> {
  const rows = [...names]
    .map(([key, { name, tags, source }]) => ({ key, name, tags, source, ...ownershipOf(tags) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const inserted = await query<Found>(
    pool,
    `insert into series (key, name, tags, source, owner, member)
     select key, name, tags, source, owner, member
     from jsonb_to_recordset($1) as r(key text, name text, tags jsonb, source text, owner text, member text)
     on conflict (key) do nothing
     returning series_id, key`,
    [JSON.stringify(rows)],
  );
  const ids = new Map(inserted.map((row) => [row.key, row.series_id]));
  const others = rows.filter((row) => !ids.has(row.key)).map((row) => row.key);
  if (others.length > 0) {
    const found = await query<Found>(
      pool,
      'select series_id, key from series where key = any($1)',
      [others],
    );
    for (const row of found) ids.set(row.key, row.series_id);
  }
  return new Map(
    rows.map((row) => {
      const seriesId = ids.get(row.key);
      if (seriesId === undefined)
        throw new Error(`series vanished while it was looked up: ${row.key}`);
      return [row.key, { ...row, seriesId }];
    }),
  );
}
