import type { PoolClient } from 'pg';
import type { Change } from '../domain/drift/change';
import { query } from './database';
import { comparedAt, type Observation } from './observation';

interface OpenDrift extends Record<string, unknown> {
  id: number;
  resource: string;
  pointer: string;
}

/** What an observation brings that was not known before. */
export interface News {
  opened: Change[];
  resolved: OpenDrift[];
}

/** By resource, what is new; those without news are left out. */
export async function writeDrift(
  db: PoolClient,
  observations: readonly Observation[],
): Promise<Map<string, News>> {
  const open = await query<OpenDrift>(
    db,
    `select id, resource, pointer from drift_events
     where resource = any($1) and resolved_at is null order by id`,
    [observations.map(({ resource }) => resource.resource)],
  );
  const known = new Map<string, OpenDrift[]>();
  for (const one of open) known.set(one.resource, [...(known.get(one.resource) ?? []), one]);
  const news = new Map<string, News>();
  for (const { resource, changes } of observations) {
    const before = known.get(resource.resource) ?? [];
    const opened = without(changes, before);
    const resolved = without(before, changes);
    if (opened.length + resolved.length > 0) news.set(resource.resource, { opened, resolved });
  }
  await openDrift(db, observations);
  await resolveDrift(db, observations, news);
  return news;
}

/** The onset stays that of the first observation that differed, however the difference changes after it. */
async function openDrift(db: PoolClient, observations: readonly Observation[]): Promise<void> {
  const rows = observations.flatMap((one) => {
    const { resource, revision } = one.resource;
    return one.changes.map((change) => ({ ...change, resource, revision, at: comparedAt(one) }));
  });
  if (rows.length === 0) return;
  await query(
    db,
    `insert into drift_events (resource, pointer, kind, desired, observed, revision, onset,
       severity, attribution)
     select resource, pointer, kind, coalesce(desired, 'null'), coalesce(observed, 'null'), revision,
       to_timestamp(at / 1000.0), severity, attribution
     from jsonb_to_recordset($1) as r(resource text, pointer text, kind text, desired jsonb,
       observed jsonb, revision bigint, at float8, severity text, attribution jsonb)
     order by resource, pointer
     on conflict (resource, pointer) where resolved_at is null do update set
       kind = excluded.kind, desired = excluded.desired, observed = excluded.observed,
       revision = excluded.revision, severity = excluded.severity,
       attribution = coalesce(excluded.attribution, drift_events.attribution)
     where (drift_events.kind, drift_events.desired, drift_events.observed, drift_events.revision,
         drift_events.severity, drift_events.attribution)
       is distinct from (excluded.kind, excluded.desired, excluded.observed, excluded.revision,
         excluded.severity, coalesce(excluded.attribution, drift_events.attribution))`,
    [JSON.stringify(rows)],
  );
}

async function resolveDrift(
  db: PoolClient,
  observations: readonly Observation[],
  news: ReadonlyMap<string, News>,
): Promise<void> {
  const rows = observations.flatMap((one) =>
    newsOf(news, one).resolved.map(({ id }) => ({ id, at: comparedAt(one) })),
  );
  if (rows.length === 0) return;
  await query(
    db,
    `update drift_events d set resolved_at = greatest(d.onset, to_timestamp(r.at / 1000.0))
     from jsonb_to_recordset($1) as r(id bigint, at float8) where d.id = r.id`,
    [JSON.stringify(rows)],
  );
}

const NO_NEWS: News = { opened: [], resolved: [] };

export function newsOf(news: ReadonlyMap<string, News>, { resource }: Observation): News {
  return news.get(resource.resource) ?? NO_NEWS;
}

interface Pointed {
  pointer: string;
}

function without<T extends Pointed>(all: readonly T[], those: readonly Pointed[]): T[] {
  const pointers = new Set(those.map(({ pointer }) => pointer));
  return all.filter(({ pointer }) => !pointers.has(pointer));
}

export function pointersOf(all: readonly Pointed[]): string[] {
  return all.map(({ pointer }) => pointer);
}
