import type { Selector } from '../domain/policy/ast';
import { matchesSelector, type Sample, type SeriesWindow } from '../domain/policy/series';
import { parseResourceKey } from '../domain/resource';
import { query, type Db } from './database';

/** Samples that reached Vigil later than that after their timestamp, in seconds, never count. */
export const MAX_LAG_SECONDS = 60;

/** Part of what is known of a resource's series. Times are epoch ms, both ends included. */
export interface WindowSelection {
  resource: string;
  /** Of the resource's own series. */
  metrics: readonly string[];
  /** Selectors that name whose series they mean; those of the resource's namespace are found. */
  foreign?: readonly Selector[];
  from: number;
  to: number;
}

interface WindowRow {
  name: string;
  tags: Record<string, string>;
  own: boolean;
  times: number[] | null;
  values: number[] | null;
  lags: number[] | null;
}

/**
 * The resource's series of these metrics, and those of others that a selector names, in the order in which they were first seen, also those
 * without a sample in the window. Samples ascend; of several with one timestamp the one received
 * last counts; late ones are left out.
 */
export async function loadWindows(
  db: Db,
  { resource, metrics, foreign = [], from, to }: WindowSelection,
): Promise<SeriesWindow[]> {
  const others = await foreignSeries(db, resource, foreign);
  const rows = await query<WindowRow>(
    db,
    `select s.name, s.tags, m.times, m.values, m.lags,
       s.owner = $3 or coalesce(s.member = $3, false) as own
     from series s left join lateral (
       select array_agg(extract(epoch from ts)::float8 * 1000 order by ts) as times,
         array_agg(value order by ts) as values, array_agg(lag order by ts) as lags
       from (select distinct on (ts) ts, value, lag from samples
         where series_id = s.series_id and lag <= ${MAX_LAG_SECONDS}
           and ts between to_timestamp($1::float8 / 1000) and to_timestamp($2::float8 / 1000)
         order by ts, lag desc, value desc) counted) m on true
     where ((s.owner = $3 or s.member = $3) and s.name = any($4)) or s.series_id = any($5)
     order by s.series_id`,
    [from, to, resource, metrics, others],
  );
  return rows.map(({ name, tags, own, ...columns }): SeriesWindow => {
    const window = { name, tags, samples: samplesOf(columns) };
    return own ? window : { ...window, isForeign: true };
  });
}

/** Ids of other resources' series that a selector names; their samples are not looked at to find them. */
async function foreignSeries(
  db: Db,
  resource: string,
  foreign: readonly Selector[],
): Promise<number[]> {
  if (foreign.length === 0) return [];
  const { namespace } = parseResourceKey(resource);
  const rows = await query<{ seriesId: number; name: string; tags: Record<string, string> }>(
    db,
    `select series_id as "seriesId", name, tags from series
     where name = any($1) and starts_with(owner, $2)
       and owner <> $3 and member is distinct from $3`,
    [foreign.map(({ metric }) => metric), `${namespace}/`, resource],
  );
  return rows
    .filter((series) => foreign.some((selector) => matchesSelector(selector, series)))
    .map(({ seriesId }) => seriesId);
}

function samplesOf({ times, values, lags }: Omit<WindowRow, 'name' | 'tags' | 'own'>): Sample[] {
  return (times ?? []).map((time, i) => {
    const ts = Math.round(time);
    return { ts, value: values?.[i] ?? NaN, receivedAt: ts + (lags?.[i] ?? 0) * 1000 };
  });
}

/** The samples of each series since `from` (epoch ms), as loadWindows answers them. */
export async function loadSamples(
  db: Db,
  seriesIds: readonly number[],
  from: number,
): Promise<Map<number, Sample[]>> {
  const rows = await query<{ seriesId: number; ts: number; value: number; lag: number }>(
    db,
    `select distinct on (series_id, ts) series_id as "seriesId",
       extract(epoch from ts)::float8 * 1000 as ts, value, lag
     from samples where series_id = any($1) and ts >= to_timestamp($2::float8 / 1000)
       and lag <= ${MAX_LAG_SECONDS}
     order by series_id, ts, lag desc, value desc`,
    [seriesIds, from],
  );
  const found = new Map<number, Sample[]>(seriesIds.map((id) => [id, []]));
  for (const { seriesId, ts: time, value, lag } of rows) {
    const ts = Math.round(time);
    found.get(seriesId)?.push({ ts, value, receivedAt: ts + lag * 1000 });
  }
  return found;
}
