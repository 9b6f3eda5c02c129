import type { PoolClient } from 'pg';
import type { AuditEvent } from '../domain/audit';
import type { FactValue } from '../domain/drift/change';
import type { Override } from '../domain/drift/rules';
import { parseResourceKey, type ResourceKey } from '../domain/resource';
import { insertAudit } from './audit';
import { query, type Db } from './database';

/** What the manifest says of the number of replicas, wherever it says it. */
const REPLICAS = `coalesce(r.spec -> 'runtime' -> 'replicas', r.spec -> 'desired' -> 'replicas')`;

/** Whether row `o` still stands for resource `r`: neither its time nor the manifest has ended it. */
export const STANDS = `r.deleted_at is null and o.desired is not distinct from ${REPLICAS}
  and (o.until is null or o.until > clock_timestamp())`;

/** As JSON, for whoever reads resources `r`. */
export const OVERRIDES_OF_R = `(select coalesce(jsonb_agg(jsonb_build_object('pointer', o.pointer,
    'value', o.value, 'policy', o.policy,
    'until', round(extract(epoch from o.until) * 1000)) order by o.pointer), '[]'::jsonb)
  from overrides o where o.resource = r.resource and ${STANDS})`;

/** What stands instead of the manifest's values, by resource. */
export async function loadOverrides(
  db: Db,
  resources: readonly string[],
): Promise<Map<string, Override[]>> {
  const rows = await query<{ resource: string; overrides: Override[] }>(
    db,
    `select r.resource, ${OVERRIDES_OF_R} as overrides from resources r where r.resource = any($1)`,
    [resources],
  );
  return new Map(rows.map(({ resource, overrides }) => [resource, overrides]));
}

export interface NewOverride {
  resource: ResourceKey;
  pointer: '/replicas';
  value: FactValue;
  policy: string | null;
  actionId: string;
  /** Null: until the manifest says something else. */
  forMs: number | null;
}

/**
 * Puts a value in the place of the manifest's before the effect that brings it about, so that nobody
 * takes that for drift. The manifest's own value ends what stood. A repeated call does no harm.
 */
export async function setOverride(db: PoolClient, given: NewOverride): Promise<void> {
  const { resource, pointer, value, policy, actionId, forMs } = given;
  const rows = await query(
    db,
    `insert into overrides as o (resource, pointer, value, desired, policy, action_id, until)
     select r.resource, $2, $3, ${REPLICAS}, $4, $5,
       clock_timestamp() + $6::float8 * interval '1 millisecond'
     from resources r where r.resource = $1
     on conflict (resource, pointer) do update set value = excluded.value,
       desired = excluded.desired, policy = excluded.policy, action_id = excluded.action_id,
       until = excluded.until, created_at = now(),
       previous = case when o.action_id = excluded.action_id then o.previous
                       else to_jsonb(o) - 'previous' end
     returning 1`,
    [resource, pointer, JSON.stringify(value), policy, actionId, forMs],
  );
  if (rows.length === 0) return;
  await insertAudit(db, [audit(given, 'override_set', { pointer, value })]);
  await tellObserver(db, [resource]);
}

/** Whoever looks at them compares with what stands now. */
async function tellObserver(db: PoolClient, resources: readonly string[]): Promise<void> {
  await query(db, `select pg_notify('vigil_observe', one) from unnest($1::text[]) as one`, [
    resources,
  ]);
}

/** What an action had set and that did not come to stand: what stood before stands again. */
export async function undoOverrides(db: PoolClient, actionId: string): Promise<void> {
  const rows = await query<OverrideRow>(
    db,
    'delete from overrides where action_id = $1 returning resource, pointer, policy, action_id as "actionId", previous',
    [actionId],
  );
  const earlier = rows.flatMap(({ previous }) => (previous === null ? [] : [previous]));
  await query(
    db,
    `insert into overrides (resource, pointer, value, desired, policy, action_id, created_at, until)
     select resource, pointer, value, desired, policy, action_id, created_at, until
     from jsonb_populate_recordset(null::overrides, $1) on conflict do nothing`,
    [JSON.stringify(earlier)],
  );
  await auditEnds(db, rows, 'its action was undone or had no effect');
}

/** Removes what has ended by its time, by the manifest or with the resource; how many those were. */
export async function endOverrides(db: PoolClient): Promise<number> {
  const rows = await query<OverrideRow>(
    db,
    `delete from overrides o where not exists (
       select 1 from resources r where r.resource = o.resource and ${STANDS})
     returning o.resource, o.pointer, o.policy, o.action_id as "actionId", null as previous`,
    [],
  );
  await auditEnds(db, rows, 'its time is over, or the manifest says something else');
  return rows.length;
}

/** Ends one by hand: the manifest's value is desired again. False: there is none. */
export async function releaseOverride(
  db: PoolClient,
  { resource, pointer, actor }: { resource: string; pointer: string; actor: string },
): Promise<boolean> {
  const rows = await query<OverrideRow>(
    db,
    `delete from overrides where resource = $1 and pointer = $2
     returning resource, pointer, policy, action_id as "actionId", null as previous`,
    [resource, pointer],
  );
  await auditEnds(db, rows, 'released by hand', actor);
  return rows.length > 0;
}

/** One that stands, for people; times in epoch ms. */
export interface StandingOverride {
  resource: string;
  pointer: string;
  value: unknown;
  /** What the manifest says. */
  desired: unknown;
  policy: string | null;
  actionId: string;
  createdAt: number;
  until: number | null;
}

/** By resource and pointer. */
export async function listOverrides(db: Db, resource: string | null): Promise<StandingOverride[]> {
  return query<StandingOverride & Record<string, unknown>>(
    db,
    `select o.resource, o.pointer, o.value, o.desired, o.policy, o.action_id as "actionId",
       o.created_at as "createdAt", o.until
     from overrides o join resources r using (resource)
     where ${STANDS} and ($1::text is null or o.resource = $1) order by o.resource, o.pointer`,
    [resource],
  );
}

interface OverrideRow extends Record<string, unknown> {
  resource: string;
  pointer: string;
  policy: string | null;
  actionId: string;
  previous: Record<string, unknown> | null;
}

async function auditEnds(
  db: PoolClient,
  rows: readonly OverrideRow[],
  why: string,
  actor = 'vigil',
): Promise<void> {
  await insertAudit(
    db,
    rows.map((row) => audit(row, 'override_ended', { pointer: row.pointer, why }, actor)),
  );
  await tellObserver(db, [...new Set(rows.map(({ resource }) => resource))]);
}

/** Not of the action: a row of an action, step and event is written once, and this may come again. */
function audit(
  of: Pick<NewOverride, 'resource' | 'policy' | 'actionId'>,
  event: 'override_set' | 'override_ended',
  details: Record<string, unknown>,
  actor = 'vigil',
): AuditEvent {
  return {
    ...{ namespace: parseResourceKey(of.resource).namespace, resource: of.resource },
    ...{ policy: of.policy, actionId: null, step: -1, event, actor },
    door: actor === 'vigil' ? 'worker' : 'api',
    ...{ correlationId: null, policyRevision: null },
    details: { ...details, action: of.actionId },
  };
}
