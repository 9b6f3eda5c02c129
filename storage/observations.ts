import type { Pool, PoolClient } from 'pg';
import type { ObservedState } from '../domain/action/runtime';
import type { AuditEvent, AuditEventName } from '../domain/audit';
import type { Change } from '../domain/drift/change';
import type { Override } from '../domain/drift/rules';
import { insertAudit } from './audit';
import { inTransaction, query } from './database';
import { OVERRIDES_OF_R } from './overrides';
import { createPartitions, type Partitions } from './partitions';
import { holdRevisions } from './revision-lock';
import { createSeriesCache, type SeriesCache } from './series';
import type { ObservedResource } from './states';

/** Where observations go, with the series and partitions that are known already. */
export interface ObservationStore {
  pool: Pool;
  series: SeriesCache;
  partitions: Partitions;
}

const MAX_CACHED_SERIES = 20_000;
/** PostgreSQL refuses a notification of 8,000 bytes. */
const SAMPLES_PER_NOTIFICATION = 64;

export function createObservationStore(pool: Pool): ObservationStore {
  const series = createSeriesCache({ pool, capacity: MAX_CACHED_SERIES });
  return { pool, series, partitions: createPartitions(pool) };
}

export interface Observation {
  resource: ObservedResource;
  observed: ObservedState;
  changes: readonly Change[];
  /** The host it was seen from; `control` for the control host. */
  observer: string;
  /** Epoch ms. */
  observedAt: number;
  /** Of what was not seen by an observer of Vigil's own but told by others. */
  reported?: Reported;
}

/** Who told what was seen, and when that came in (epoch ms). */
export interface Reported {
  actor: string;
  correlationId: string | null;
  receivedAt: number;
  /** It was known already, and is compared with another manifest now: what begins or ends does so now. */
  isKnown?: true;
}

export type Recorded =
  | { kind: 'recorded'; opened: string[]; resolved: string[] }
  /**
   * `superseded`: another revision or another override is in force by now; `acting`: a step is changing the resource
   * right now; `unseen`: its runtime cannot look; `stale`: what was reported is older than what is known.
   */
  | { kind: 'skipped'; reason: 'superseded' | 'acting' | 'unseen' | 'stale' };

interface OpenDrift extends Record<string, unknown> {
  id: number;
  resource: string;
  pointer: string;
}

/** What an observation brings that was not known before. */
interface News {
  opened: Change[];
  resolved: OpenDrift[];
}

/**
 * Writes observations of different resources in one transaction: the states, what drifted and what
 * is as desired again (rows with onset, audit rows only for news), and for each the sample
 * `resource_drift` = number of changes. The answers are in the order of the observations.
 */
export async function recordObservations(
  store: ObservationStore,
  observations: readonly Observation[],
): Promise<Recorded[]> {
  const { pool, series, partitions } = store;
  const names = observations.map(({ resource: { namespace, name } }) => ({
    ...{ name: 'resource_drift', source: 'worker' },
    tags: { namespace, resource: name },
  }));
  const drift = await series.resolve(names);
  await partitions.ensure(observations.map(comparedAt));
  return inTransaction(pool, async (db) => {
    await holdRevisions(db);
    const reasons = new Map([
      ...(await staleReports(db, observations)),
      ...(await whyNot(db, observations)),
    ]);
    const kept = observations.filter(({ resource }) => !reasons.has(resource.resource));
    await writeStates(db, kept);
    const news = await writeDrift(db, kept);
    await insertAudit(
      db,
      kept.flatMap((one) => auditOf(one, newsOf(news, one))),
    );
    const samples = observations.flatMap((one, i) => {
      const seriesId = drift[i]?.seriesId;
      if (seriesId === undefined) throw new Error('the series of resource_drift was not resolved');
      if (reasons.has(one.resource.resource)) return [];
      return [{ seriesId, ts: comparedAt(one), value: one.changes.length, lag: lagOf(one) }];
    });
    await writeSamples(db, samples);
    return observations.map((one) => {
      const reason = reasons.get(one.resource.resource);
      if (reason !== undefined) return { kind: 'skipped', reason };
      const { opened, resolved } = newsOf(news, one);
      return { kind: 'recorded', opened: pointersOf(opened), resolved: pointersOf(resolved) };
    });
  });
}

/** As `recordObservations`, of one. */
export async function recordObservation(
  store: ObservationStore,
  observation: Observation,
): Promise<Recorded> {
  const [recorded] = await recordObservations(store, [observation]);
  if (recorded === undefined) throw new Error('nothing was recorded');
  return recorded;
}

/**
 * By resource, why its observation does not count. Between a step's begin and its end a resource is
 * neither as before nor as after: that is no drift.
 */
async function whyNot(
  db: PoolClient,
  observations: readonly Observation[],
): Promise<Map<string, 'superseded' | 'acting'>> {
  const rows = await query<{
    resource: string;
    revision: number;
    isActing: boolean;
    overrides: Override[];
  }>(
    db,
    `select resource, revision, ${OVERRIDES_OF_R} as overrides, exists (select 1 from slots s join journal j using (action_id)
         where s.target = resource and j.ended_at is null) as "isActing"
     from resources r where resource = any($1) and deleted_at is null`,
    [observations.map(({ resource }) => resource.resource)],
  );
  const present = new Map(rows.map((row) => [row.resource, row]));
  const reasons = new Map<string, 'superseded' | 'acting'>();
  for (const { resource } of observations) {
    const row = present.get(resource.resource);
    if (row?.revision !== resource.revision) reasons.set(resource.resource, 'superseded');
    else if (!isSameList(row.overrides, resource.overrides ?? []))
      reasons.set(resource.resource, 'superseded');
    else if (row.isActing) reasons.set(resource.resource, 'acting');
  }
  return reasons;
}

/** By resource, what was reported too late; who writes it meanwhile waits, so that the newest stays. */
async function staleReports(
  db: PoolClient,
  observations: readonly Observation[],
): Promise<Map<string, 'stale'>> {
  const reports = observations.filter(({ reported }) => reported !== undefined);
  if (reports.length === 0) return new Map();
  const rows = await query<{ resource: string; observedAt: number }>(
    db,
    `select resource, observed_at as "observedAt" from states where resource = any($1)
     order by resource for update`,
    [reports.map(({ resource }) => resource.resource)],
  );
  const known = new Map(rows.map((row) => [row.resource, row.observedAt]));
  return new Map(
    reports
      .filter(({ resource, observedAt }) => observedAt < (known.get(resource.resource) ?? 0))
      .map(({ resource }) => [resource.resource, 'stale' as const]),
  );
}

/** From when on what it differs in counts. */
function comparedAt({ observedAt, reported }: Observation): number {
  return reported?.isKnown === true ? reported.receivedAt : observedAt;
}

const LONGEST_LAG_SECONDS = 32_767;

/** Seconds from the observation until Vigil heard of it: what is old news starts and ends nothing. */
function lagOf({ observedAt, reported }: Observation): number {
  if (reported === undefined || reported.isKnown === true) return 0;
  const seconds = Math.round((reported.receivedAt - observedAt) / 1000);
  return Math.min(Math.max(seconds, -LONGEST_LAG_SECONDS), LONGEST_LAG_SECONDS);
}

function isSameList(a: readonly Override[], b: readonly Override[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function writeStates(db: PoolClient, observations: readonly Observation[]): Promise<void> {
  const rows = observations.map(({ resource, observed, changes, observer, observedAt }) => ({
    ...{ resource: resource.resource, observed, changes, observer, observedAt },
  }));
  await query(
    db,
    // In the order of their names, so that two that write the same never wait for each other in turn.
    `insert into states (resource, observed, changes, observer, observed_at)
     select resource, observed, changes, observer, to_timestamp("observedAt" / 1000.0)
     from jsonb_to_recordset($1) as r(resource text, observed jsonb, changes jsonb, observer text,
       "observedAt" float8)
     order by resource
     on conflict (resource) do update set observed = excluded.observed, changes = excluded.changes,
       observer = excluded.observer, observed_at = excluded.observed_at`,
    [JSON.stringify(rows)],
  );
}

/** By resource, what is new; those without news are left out. */
async function writeDrift(
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
    `update drift_events d set resolved_at = to_timestamp(r.at / 1000.0)
     from jsonb_to_recordset($1) as r(id bigint, at float8) where d.id = r.id`,
    [JSON.stringify(rows)],
  );
}

const NO_NEWS: News = { opened: [], resolved: [] };

function newsOf(news: ReadonlyMap<string, News>, { resource }: Observation): News {
  return news.get(resource.resource) ?? NO_NEWS;
}

function auditOf({ resource, reported }: Observation, { opened, resolved }: News): AuditEvent[] {
  const row = (event: AuditEventName, details: Record<string, unknown>): AuditEvent => ({
    ...{ namespace: resource.namespace, resource: resource.resource, policy: null },
    ...{ actionId: null, step: -1, event, policyRevision: null },
    actor: reported?.actor ?? 'vigil',
    door: reported === undefined ? 'worker' : 'api',
    correlationId: reported?.correlationId ?? null,
    details: { ...details, revision: resource.revision },
  });
  return [
    ...(opened.length > 0 ? [row('drift_detected', { changes: opened })] : []),
    ...(resolved.length > 0 ? [row('drift_resolved', { pointers: pointersOf(resolved) })] : []),
  ];
}

interface Sample {
  seriesId: number;
  /** Epoch ms. */
  ts: number;
  value: number;
  lag: number;
}

/** The detector hears of the samples at commit. */
async function writeSamples(db: PoolClient, samples: readonly Sample[]): Promise<void> {
  if (samples.length === 0) return;
  await query(
    db,
    `insert into samples (series_id, lag, ts, value)
     select "seriesId", lag, to_timestamp(ts / 1000.0), value
     from jsonb_to_recordset($1) as r("seriesId" int, lag int2, ts float8, value float8)`,
    [JSON.stringify(samples)],
  );
  const parts: string[] = [];
  for (let from = 0; from < samples.length; from += SAMPLES_PER_NOTIFICATION) {
    parts.push(JSON.stringify(samples.slice(from, from + SAMPLES_PER_NOTIFICATION)));
  }
  await query(db, `select pg_notify('vigil_samples', part) from unnest($1::text[]) as part`, [
    parts,
  ]);
}

interface Pointed {
  pointer: string;
}

function without<T extends Pointed>(all: readonly T[], those: readonly Pointed[]): T[] {
  const pointers = new Set(those.map(({ pointer }) => pointer));
  return all.filter(({ pointer }) => !pointers.has(pointer));
}

function pointersOf(all: readonly Pointed[]): string[] {
  return all.map(({ pointer }) => pointer);
}
