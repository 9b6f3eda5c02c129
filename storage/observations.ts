import type { Pool, PoolClient } from 'pg';
import type { AuditEvent, AuditEventName } from '../domain/audit';
import { insertAudit } from './audit';
import { inTransaction, query } from './database';
import { newsOf, pointersOf, writeDrift, type News } from './drift-rows';
import { comparedAt, type Observation } from './observation';
import { doubtsOf, type Doubt } from './observation-guards';
import { createPartitions, type Partitions } from './partitions';
import { holdRevisions } from './revision-lock';
import { createSeriesCache, type SeriesCache } from './series';

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

export type Recorded =
  | { kind: 'recorded'; opened: string[]; resolved: string[] }
  /** `unseen`: its runtime cannot look. */
  | { kind: 'skipped'; reason: Doubt | 'unseen' };

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
    const reasons = await doubtsOf(db, observations);
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

const LONGEST_LAG_SECONDS = 32_767;

/** Seconds from the observation until Vigil heard of it: what is old news starts and ends nothing. */
function lagOf({ observedAt, reported }: Observation): number {
  if (reported === undefined || reported.isKnown === true) return 0;
  const seconds = Math.round((reported.receivedAt - observedAt) / 1000);
  return Math.min(Math.max(seconds, -LONGEST_LAG_SECONDS), LONGEST_LAG_SECONDS);
}

async function writeStates(db: PoolClient, observations: readonly Observation[]): Promise<void> {
  const rows = observations.map(({ resource, observed, changes, observer, observedAt }) => ({
    ...{ resource: resource.resource, observed, changes, observer, observedAt },
  }));
  await query(
    db,
    // In the order of their names, so that two that write the same never wait for each other in turn.
    // What counts was compared with the revision in force: whatever changed is known with it.
    // By a clock that is ahead, nobody else's would be newer.
    `insert into states (resource, observed, changes, observer, observed_at)
     select resource, observed, changes, observer,
       least(to_timestamp("observedAt" / 1000.0), date_trunc('milliseconds', clock_timestamp()))
     from jsonb_to_recordset($1) as r(resource text, observed jsonb, changes jsonb, observer text,
       "observedAt" float8)
     order by resource
     on conflict (resource) do update set observed = excluded.observed, changes = excluded.changes,
       observer = excluded.observer, observed_at = excluded.observed_at, changed = '{}'`,
    [JSON.stringify(rows)],
  );
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
