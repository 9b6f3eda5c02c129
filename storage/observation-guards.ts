import type { PoolClient } from 'pg';
import { restoreStep } from '../domain/action/journal';
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
  known: Known | null;
}

/** A state that is there: when it was seen (epoch ms; null: later than now), and what changes with every write of it. */
interface Known {
  observedAt: number | null;
  version: string;
}

/** By resource, why its observation does not count. Whoever writes the same meanwhile waits, so that the newest stays. */
export async function doubtsOf(
  db: PoolClient,
  observations: readonly Observation[],
): Promise<Map<string, Doubt>> {
  await lockStates(db, observations);
  const present = await loadPresent(
    db,
    observations.map(({ resource }) => resource.resource),
  );
  return new Map(
    observations.flatMap((one) => {
      const key = one.resource.resource;
      const doubt = doubtOf(one, present.get(key));
      return doubt === null ? [] : [[key, doubt]];
    }),
  );
}

function doubtOf(observation: Observation, present: Present | undefined): Doubt | null {
  const { resource, observedAt, reported } = observation;
  if (present === undefined || !isOf(resource, present)) return 'superseded';
  if (isWithinStep(observation, present)) return 'acting';
  const { known } = present;
  if (observedAt < (known?.observedAt ?? -Infinity)) return 'stale';
  const completes = reported?.completes;
  return completes === undefined || completes === (known?.version ?? null) ? null : 'overtaken';
}

function isOf({ revision, overrides = [] }: ObservedResource, present: Present): boolean {
  return (
    revision === present.revision && JSON.stringify(overrides) === JSON.stringify(present.overrides)
  );
}

/** Whoever reports does so within this time, also after a step. */
const NEXT_REPORT_MS = 60_000;

/**
 * Between a step's begin and its end a resource is neither as before nor as after: that is no drift.
 * Where nobody reported anew since a step, what is known from before it has to do.
 */
function isWithinStep({ observedAt, reported }: Observation, present: Present): boolean {
  const { isActing, steppedAt } = present;
  if (isActing) return true;
  if (steppedAt === null || steppedAt <= observedAt) return false;
  return reported?.isKnown !== true || reported.receivedAt - steppedAt <= NEXT_REPORT_MS;
}

const FIRST_REPORT_LOCK = 7_846_141;

/** Where there is no row yet, those that complete what is known wait for each other by name. */
async function lockStates(db: PoolClient, observations: readonly Observation[]): Promise<void> {
  const completing = observations.filter(({ reported }) => reported?.completes !== undefined);
  for (const { resource } of completing) {
    const key = [FIRST_REPORT_LOCK, resource.resource];
    await query(db, 'select pg_advisory_xact_lock($1, hashtext($2))', key);
  }
  const keys = observations.map(({ resource }) => resource.resource);
  await query(db, 'select 1 from states where resource = any($1) order by resource for update', [
    keys,
  ]);
}

/** A step that failed leaves no word of its end: so long after its begin it is over, on the control host and on others. */
const LONGEST_STEP = { control: '120 s', host: '600 s' };
/** Restores are journaled beside their steps: see restoreStep. */
const RESTORE_OFFSET = restoreStep(0);

/**
 * Of a step on another host the journal is there: here is known when it was begun, and when its end
 * was told. What is later than now comes of a clock that was ahead, and holds nothing up.
 */
async function loadPresent(db: PoolClient, keys: readonly string[]): Promise<Map<string, Present>> {
  const rows = await query<Present & Record<string, unknown>>(
    db,
    `select r.resource, r.revision, ${OVERRIDES_OF_R} as overrides,
       exists (select 1 from slots s where s.target = r.resource and case when r.host is null
         then s.begun_at > clock_timestamp() - $2::interval and exists (
           select 1 from journal j where j.action_id = s.action_id and j.ended_at is null
             and (s.begun_step is null or j.step in (s.begun_step, s.begun_step + $4)))
         else s.begun_at > clock_timestamp() - $3::interval and not exists (
           select 1 from audit_events a
           where a.action_id = s.action_id and a.step = s.begun_step and a.event = 'executed')
         end) as "isActing",
       case when r.host is null
         then (select max(ended_at) from journal
               where target = r.resource and ended_at <= clock_timestamp())
         else (select max(a.at) from audit_events a join slots s using (action_id)
               where s.target = r.resource and a.event = 'executed' and a.at <= clock_timestamp())
         end as "steppedAt",
       (select jsonb_build_object('version', s.xmin::text,
          'observedAt', case when s.observed_at <= clock_timestamp()
            then extract(epoch from s.observed_at) * 1000 end)
        from states s where s.resource = r.resource) as known
     from resources r where r.resource = any($1) and r.deleted_at is null`,
    [keys, LONGEST_STEP.control, LONGEST_STEP.host, RESTORE_OFFSET],
  );
  return new Map(rows.map((row) => [row.resource, row]));
}
