import type { Pool, PoolClient } from 'pg';
import type { ObservedState } from '../domain/action/runtime';
import type { AuditEventName } from '../domain/audit';
import type { Change } from '../domain/drift/change';
import type { Override } from '../domain/drift/rules';
import type { ServiceSpec } from '../domain/resource';
import { insertAudit } from './audit';
import { inTransaction, query, type Db } from './database';
import { createPartitions, type Partitions } from './partitions';
import { OVERRIDES_OF_R } from './overrides';
import { holdRevisions } from './revision-lock';
import { createSeriesCache, type SeriesCache } from './series';

/** Where observations go, with the series and partitions that are known already. */
export interface ObservationStore {
  pool: Pool;
  series: SeriesCache;
  partitions: Partitions;
}

const MAX_CACHED_SERIES = 20_000;

export function createObservationStore(pool: Pool): ObservationStore {
  const series = createSeriesCache({ pool, capacity: MAX_CACHED_SERIES });
  return { pool, series, partitions: createPartitions(pool) };
}

/** A live resource as its observer needs it. */
export interface ObservedResource {
  resource: string;
  namespace: string;
  name: string;
  /** `namespace/name` of the Service it belongs to. */
  service: string;
  spec: ServiceSpec;
  revision: number;
  createdRevision: number;
  /** What Vigil itself set instead of the manifest's values, and what has not ended. Absent: nothing. */
  overrides?: Override[];
}

export interface Observation {
  resource: ObservedResource;
  observed: ObservedState;
  changes: readonly Change[];
  /** The host it was seen from; `control` for the control host. */
  observer: string;
  /** Epoch ms. */
  observedAt: number;
}

export type Recorded =
  | { kind: 'recorded'; opened: string[]; resolved: string[] }
  /**
   * `superseded`: another revision is in force by now; `acting`: a step is changing the resource
   * right now; `unseen`: its runtime cannot look.
   */
  | { kind: 'skipped'; reason: 'superseded' | 'acting' | 'unseen' };

interface OpenDrift {
  id: number;
  pointer: string;
}

/** The live resources on one host; null: those on the control host. */
export async function listObserved(db: Db, host: string | null): Promise<ObservedResource[]> {
  return query<ObservedResource & Record<string, unknown>>(
    db,
    `select resource, namespace, name, namespace || '/' || service as service, spec, revision,
       created_revision as "createdRevision", ${OVERRIDES_OF_R} as overrides
     from resources r where deleted_at is null and host is not distinct from $1 order by resource`,
    [host],
  );
}

/** What keeps the worker from starting a resource by itself; null: nothing. `now` in epoch ms. */
export async function startHold(
  db: Db,
  { resource, service }: ObservedResource,
  now: number,
): Promise<'paused' | 'acting' | null> {
  const [row] = await query<{ isActing: boolean; isPaused: boolean }>(
    db,
    `select exists (select 1 from slots where target = $1) as "isActing",
            exists (select 1 from pauses where (scope in ('*', $1, $2) or exists (
                      select 1 from group_members m where m.group_id = 'group:' || scope and m.resource = $1))
                    and (until is null or until > to_timestamp($3 / 1000.0))) as "isPaused"`,
    [resource, service, now],
  );
  if (row?.isPaused === true) return 'paused';
  return row?.isActing === true ? 'acting' : null;
}

/**
 * Writes one observation in one transaction: the state, what drifted and what is as desired again
 * (rows with onset, audit rows only for news), and the sample `resource_drift` = number of changes.
 */
export async function recordObservation(
  { pool, series, partitions }: ObservationStore,
  observation: Observation,
): Promise<Recorded> {
  const { namespace, name } = observation.resource;
  const tags = { namespace, resource: name };
  const [drift] = await series.resolve([{ name: 'resource_drift', tags, source: 'worker' }]);
  if (drift === undefined) throw new Error('the series of resource_drift was not resolved');
  await partitions.ensure([observation.observedAt]);
  return inTransaction(pool, async (db) => {
    await holdRevisions(db);
    const reason = await whyNot(db, observation.resource);
    if (reason !== null) return { kind: 'skipped', reason };
    await writeState(db, observation);
    const news = await writeDrift(db, observation);
    await auditDrift(db, observation, news);
    await writeSample(db, drift.seriesId, observation);
    return {
      kind: 'recorded',
      opened: news.opened.map(({ pointer }) => pointer),
      resolved: news.resolved.map(({ pointer }) => pointer),
    };
  });
}

/** Drops what was observed of resources that are no longer managed; their open drift ends. */
export async function forgetStates(db: Db, resources: readonly string[]): Promise<void> {
  await query(db, 'delete from states where resource = any($1)', [resources]);
  await query(
    db,
    'update drift_events set resolved_at = now() where resource = any($1) and resolved_at is null',
    [resources],
  );
}

/** Between a step's begin and its end a resource is neither as before nor as after: that is no drift. */
async function whyNot(
  db: PoolClient,
  { resource, revision }: ObservedResource,
): Promise<'superseded' | 'acting' | null> {
  const [row] = await query<{ revision: number; isActing: boolean }>(
    db,
    `select revision, exists (select 1 from slots s join journal j using (action_id)
                              where s.target = $1 and j.ended_at is null) as "isActing"
     from resources where resource = $1 and deleted_at is null`,
    [resource],
  );
  if (row?.revision !== revision) return 'superseded';
  return row.isActing ? 'acting' : null;
}

async function writeState(db: PoolClient, o: Observation): Promise<void> {
  await query(
    db,
    `insert into states (resource, observed, changes, observer, observed_at)
     values ($1, $2, $3, $4, to_timestamp($5 / 1000.0))
     on conflict (resource) do update set observed = excluded.observed, changes = excluded.changes,
       observer = excluded.observer, observed_at = excluded.observed_at`,
    [
      o.resource.resource,
      JSON.stringify(o.observed),
      JSON.stringify(o.changes),
      o.observer,
      o.observedAt,
    ],
  );
}

async function writeDrift(
  db: PoolClient,
  { resource, changes, observedAt }: Observation,
): Promise<{ opened: Change[]; resolved: OpenDrift[] }> {
  const open = await query<OpenDrift & Record<string, unknown>>(
    db,
    'select id, pointer from drift_events where resource = $1 and resolved_at is null order by id',
    [resource.resource],
  );
  const pointers = new Set(changes.map(({ pointer }) => pointer));
  const known = new Set(open.map(({ pointer }) => pointer));
  const resolved = open.filter(({ pointer }) => !pointers.has(pointer));
  for (const change of changes) await openDrift(db, resource, { change, observedAt });
  if (resolved.length > 0) {
    await query(
      db,
      'update drift_events set resolved_at = to_timestamp($2 / 1000.0) where id = any($1)',
      [resolved.map(({ id }) => id), observedAt],
    );
  }
  return { opened: changes.filter(({ pointer }) => !known.has(pointer)), resolved };
}

/** The onset stays that of the first observation that differed, however the difference changes after it. */
async function openDrift(
  db: PoolClient,
  { resource, revision }: ObservedResource,
  { change, observedAt }: { change: Change; observedAt: number },
): Promise<void> {
  await query(
    db,
    `insert into drift_events (resource, pointer, kind, desired, observed, revision, onset)
     values ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0))
     on conflict (resource, pointer) where resolved_at is null do update set
       kind = excluded.kind, desired = excluded.desired, observed = excluded.observed,
       revision = excluded.revision
     where (drift_events.kind, drift_events.desired, drift_events.observed, drift_events.revision)
       is distinct from (excluded.kind, excluded.desired, excluded.observed, excluded.revision)`,
    [
      resource,
      change.pointer,
      change.kind,
      JSON.stringify(change.desired),
      JSON.stringify(change.observed),
      revision,
      observedAt,
    ],
  );
}

async function auditDrift(
  db: PoolClient,
  { resource }: Observation,
  { opened, resolved }: { opened: readonly Change[]; resolved: readonly OpenDrift[] },
): Promise<void> {
  const row = (event: AuditEventName, details: Record<string, unknown>) => ({
    namespace: resource.namespace,
    resource: resource.resource,
    policy: null,
    actionId: null,
    step: -1,
    event,
    actor: 'vigil',
    door: 'worker' as const,
    correlationId: null,
    policyRevision: null,
    details: { ...details, revision: resource.revision },
  });
  await insertAudit(db, [
    ...(opened.length > 0 ? [row('drift_detected', { changes: opened })] : []),
    ...(resolved.length > 0
      ? [row('drift_resolved', { pointers: resolved.map(({ pointer }) => pointer) })]
      : []),
  ]);
}

/** The detector hears of the sample at commit. */
async function writeSample(
  db: PoolClient,
  seriesId: number,
  { changes, observedAt }: Observation,
): Promise<void> {
  const value = changes.length;
  await query(
    db,
    'insert into samples (series_id, lag, ts, value) values ($1, 0, to_timestamp($2 / 1000.0), $3)',
    [seriesId, observedAt, value],
  );
  await query(db, `select pg_notify('vigil_samples', $1)`, [
    JSON.stringify([{ seriesId, ts: observedAt, value, lag: 0 }]),
  ]);
}
