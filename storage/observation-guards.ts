import type { PoolClient } from 'pg';
import type { Override } from '../domain/drift/rules';
import type { Observation } from './observation';
import { query } from './database';
import { OVERRIDES_OF_R } from './overrides';
import type { ObservedResource } from './states';

/**
 * `superseded`: another revision or another override is in force by now; `acting`: a step is changing the
 * resource, or changed it since the look began; `stale`: something newer is known; `overtaken`: another report
 * came in between, with which this one was not completed.
 */
export type Doubt = 'superseded' | 'acting' | 'stale' | 'overtaken';

interface Present {
  resource: string;
  revision: number;
  overrides: Override[];
  isActing: boolean;
  /** Epoch ms. */
  steppedAt: number | null;
}

/** By resource, why its observation does not count. Whoever writes the same meanwhile waits, so that the newest stays. */
export async function doubtsOf(
  db: PoolClient,
  observations: readonly Observation[],
): Promise<Map<string, Doubt>> {
  const keys = observations.map(({ resource }) => resource.resource);
  const known = await lockStates(db, keys);
  const present = await loadPresent(db, keys);
  return new Map(
    observations.flatMap((one) => {
      const key = one.resource.resource;
      const doubt = doubtOf(one, known.get(key) ?? null, present.get(key));
      return doubt === null ? [] : [[key, doubt]];
    }),
  );
}

/** Between a step's begin and its end a resource is neither as before nor as after: that is no drift. */
function doubtOf(
  { resource, observedAt, reported }: Observation,
  knownAt: number | null,
  present: Present | undefined,
): Doubt | null {
  if (present === undefined || !isOf(resource, present)) return 'superseded';
  if (present.isActing || (present.steppedAt ?? -Infinity) > observedAt) return 'acting';
  if (knownAt !== null && observedAt < knownAt) return 'stale';
  const completes = reported?.completes;
  return completes === undefined || completes === knownAt ? null : 'overtaken';
}

function isOf({ revision, overrides = [] }: ObservedResource, present: Present): boolean {
  return (
    revision === present.revision && JSON.stringify(overrides) === JSON.stringify(present.overrides)
  );
}

async function lockStates(db: PoolClient, keys: readonly string[]): Promise<Map<string, number>> {
  const rows = await query<{ resource: string; observedAt: number }>(
    db,
    `select resource, observed_at as "observedAt" from states where resource = any($1)
     order by resource for update`,
    [keys],
  );
  return new Map(rows.map(({ resource, observedAt }) => [resource, observedAt]));
}

/**
 * Of a step on another host the journal is there: here is known when it was begun, and when its end was told.
 */
async function loadPresent(db: PoolClient, keys: readonly string[]): Promise<Map<string, Present>> {
  const rows = await query<Present & Record<string, unknown>>(
    db,
    `select resource, revision, ${OVERRIDES_OF_R} as overrides,
       exists (select 1 from slots s where s.target = resource and case when host is null
         then exists (select 1 from journal j where j.action_id = s.action_id and j.ended_at is null)
         else s.begun_step is not null and not exists (select 1 from audit_events a
           where a.action_id = s.action_id and a.step = s.begun_step and a.event = 'executed')
         end) as "isActing",
       case when host is null
         then (select max(ended_at) from journal where target = resource)
         else (select max(a.at) from audit_events a join slots s using (action_id)
           where s.target = r.resource and a.event = 'executed') end as "steppedAt"
     from resources r where resource = any($1) and deleted_at is null`,
    [keys],
  );
  return new Map(rows.map((row) => [row.resource, row]));
}
