import { query, type Db } from './database';

export interface TagMatcher {
  tag: string;
  value: string;
  isEqual: boolean;
}

export interface SampleSelection {
  /** Metric name; null for all. */
  name: string | null;
  tags: readonly TagMatcher[];
  /** Epoch ms, inclusive. */
  from: number;
  /** Epoch ms, inclusive. */
  to: number;
}

export interface SampleRow {
  seriesId: number;
  name: string;
  tags: Record<string, string>;
  source: string;
  /** Epoch ms. */
  ts: number;
  value: number;
}

/** The last sample of a page: order is (ts, series, value). */
export type SamplePlace = [ts: number, seriesId: number, value: number];

export const AGGREGATES = {
  avg: 'avg(m.value)',
  min: 'min(m.value)',
  max: 'max(m.value)',
  sum: 'sum(m.value)',
  count: 'count(*)::float8',
  last: '(array_agg(m.value order by m.ts desc))[1]',
} as const;
export type Aggregate = keyof typeof AGGREGATES;

export interface SeriesPoints {
  seriesId: number;
  name: string;
  tags: Record<string, string>;
  source: string;
  /** Start of the step (epoch ms) and the aggregate over it; steps without samples are left out. */
  points: [ts: number, value: number][];
}

/** An absent tag equals the empty value, as in Prometheus. */
const SELECTED_SERIES = `
  select series_id from series s
  where ($1::text is null or s.name = $1)
    and s.tags @> $2
    and not exists (
      select 1 from jsonb_to_recordset($3) as x(tag text, value text, "isEqual" boolean)
      where (coalesce(s.tags ->> x.tag, '') = x.value) <> x."isEqual")`;

function selectionParams({ name, tags, from, to }: SampleSelection): unknown[] {
  const contained = tags.filter((matcher) => matcher.isEqual && matcher.value !== '');
  return [
    name,
    JSON.stringify(Object.fromEntries(contained.map(({ tag, value }) => [tag, value]))),
    JSON.stringify(tags),
    from,
    to,
  ];
}

/** Samples in order of time, at most `limit`, after `place`. */
export async function selectSamples(
  db: Db,
  selection: SampleSelection,
  page: { place: SamplePlace | null; limit: number },
): Promise<SampleRow[]> {
  const [ts, seriesId, value] = page.place ?? [null, null, null];
  return query<SampleRow>(
    db,
    `select m.series_id as "seriesId", s.name, s.tags, s.source, m.ts, m.value
     from samples m join series s using (series_id)
     where m.series_id in (${SELECTED_SERIES})
       and m.ts >= greatest(to_timestamp($4 / 1000.0), to_timestamp($6::float8 / 1000.0))
       and m.ts <= to_timestamp($5 / 1000.0)
       and ($6::float8 is null
            or (m.ts, m.series_id, m.value) > (to_timestamp($6 / 1000.0), $7::int4, $8::float8))
     order by m.ts, m.series_id, m.value
     limit $9`,
    [...selectionParams(selection), ts, seriesId, value, page.limit],
  );
}

/** One aggregate per series and step, for at most `limit` series with an id above `afterSeries`. */
export async function aggregateSamples(
  db: Db,
  selection: SampleSelection,
  page: { stepMs: number; aggregate: Aggregate; afterSeries: number; limit: number },
): Promise<SeriesPoints[]> {
  return query<SeriesPoints>(
    db,
    `with chosen as (
       select s.series_id, s.name, s.tags, s.source from series s
       where s.series_id in (${SELECTED_SERIES}) and s.series_id > $6
         and exists (select 1 from samples m where m.series_id = s.series_id
                     and m.ts between to_timestamp($4 / 1000.0) and to_timestamp($5 / 1000.0))
       order by s.series_id limit $7),
     steps as (
       select m.series_id, date_bin($8::float8 * interval '1 ms', m.ts, to_timestamp(0)) as step,
              ${AGGREGATES[page.aggregate]} as value
       from samples m join chosen using (series_id)
       where m.ts between to_timestamp($4 / 1000.0) and to_timestamp($5 / 1000.0)
       group by m.series_id, step)
     select c.series_id as "seriesId", c.name, c.tags, c.source,
            json_agg(json_build_array(extract(epoch from t.step) * 1000, t.value) order by t.step) as points
     from chosen c join steps t using (series_id)
     group by c.series_id, c.name, c.tags, c.source
     order by c.series_id`,
    [...selectionParams(selection), page.afterSeries, page.limit, page.stepMs],
  );
}
