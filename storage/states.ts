import type { ObservedState } from '../domain/action/runtime';
import type { Change } from '../domain/drift/change';
import type { Attributions } from '../domain/drift/compare';
import type { Override } from '../domain/drift/rules';
import type { ServiceSpec } from '../domain/resource';
import { query, type Db } from './database';
import { OVERRIDES_OF_R } from './overrides';

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

/** The live resources on one host; null: those on the control host. */
export async function listObserved(db: Db, host: string | null): Promise<ObservedResource[]> {
  return query<ObservedResource & Record<string, unknown>>(
    db,
    `${OBSERVED} and host is not distinct from $1 order by resource`,
    [host],
  );
}

/** As `listObserved`, of these keys; those that are gone or on another host are left out. */
export async function findObserved(
  db: Db,
  host: string | null,
  resources: readonly string[],
): Promise<ObservedResource[]> {
  return query<ObservedResource & Record<string, unknown>>(
    db,
    `${OBSERVED} and host is not distinct from $1 and resource = any($2) order by resource`,
    [host, resources],
  );
}

/** A live resource wherever it runs, with its host (null: the control host); null: there is none. */
export async function getObserved(
  db: Db,
  resource: string,
): Promise<(ObservedResource & { host: string | null }) | null> {
  const [row] = await query<ObservedResource & { host: string | null } & Record<string, unknown>>(
    db,
    `select host, ${COLUMNS} from resources r where deleted_at is null and resource = $1`,
    [resource],
  );
  return row ?? null;
}

/** By resource and pointer, what explains how those were seen last; those that nothing explains are left out. */
export async function loadAttributions(
  db: Db,
  resources: readonly string[],
): Promise<Map<string, Attributions>> {
  const rows = await query<{ resource: string; attribution: Attributions }>(
    db,
    `select resource, observed -> 'attribution' as attribution from states
     where resource = any($1) and observed ? 'attribution'`,
    [resources],
  );
  return new Map(rows.map(({ resource, attribution }) => [resource, attribution]));
}

/** By JSON pointer of a fact, the revision that changed what is desired of it since it was compared last. */
export type ChangedFacts = Readonly<Record<string, number>>;

/** Of those of these resources that have any. */
export async function loadChanged(
  db: Db,
  resources: readonly string[],
): Promise<{ resource: string; changed: ChangedFacts }[]> {
  return query<{ resource: string; changed: ChangedFacts }>(
    db,
    `select resource, changed from states where resource = any($1) and changed <> '{}'`,
    [resources],
  );
}

/** It was compared with what changed, and differs in nothing else than before. */
export async function forgetChanged(
  db: Db,
  { resource, changed }: { resource: string; changed: ChangedFacts },
): Promise<void> {
  await query(db, `update states set changed = '{}' where resource = $1 and changed = $2`, [
    resource,
    JSON.stringify(changed),
  ]);
}

/** What others told, with the state as they told it last (epoch ms). */
export interface ToldState extends ObservedResource {
  observed: ObservedState;
  changes: Change[];
  observer: string;
  observedAt: number;
  changed: ChangedFacts;
  /** Another one with every write. */
  version: string;
}

/**
 * The live resources that others see, on other hosts or of these runtimes, and that somebody saw:
 * those of a revision after `since`, and these.
 */
export async function listTold(
  db: Db,
  runtimes: readonly string[],
  { since, resources }: { since: number; resources: readonly string[] },
): Promise<ToldState[]> {
  return query<ToldState & Record<string, unknown>>(
    db,
    `select r.*, s.observed, s.changes, s.observer, s.observed_at as "observedAt",
       s.changed, s.xmin::text as version
     from (select host, ${COLUMNS} from resources r
           where deleted_at is null and (revision > $2 or resource = any($3))) r
     join states s on s.resource = r.resource
     where (r.host is not null or r.spec -> 'runtime' ->> 'type' = any($1))
       and s.observer <> 'control' order by r.resource`,
    [runtimes, since, resources],
  );
}

const COLUMNS = `resource, namespace, name, namespace || '/' || service as service, spec, revision,
    created_revision as "createdRevision", ${OVERRIDES_OF_R} as overrides`;
const OBSERVED = `select ${COLUMNS} from resources r where deleted_at is null`;

/** What keeps the worker from starting a resource by itself; null: nothing. `now` in epoch ms. */
export async function startHold(
  db: Db,
  { resource, service, revision }: ObservedResource,
  now: number,
): Promise<'paused' | 'acting' | 'superseded' | null> {
  const [row] = await query<{ isActing: boolean; isPaused: boolean; isPresent: boolean }>(
    db,
    `select exists (select 1 from slots where target = $1) as "isActing",
            exists (select 1 from resources where resource = $1 and revision = $4
                    and deleted_at is null) as "isPresent",
            exists (select 1 from pauses where (scope in ('*', $1, $2) or exists (
                      select 1 from group_members m where m.group_id = 'group:' || scope and m.resource = $1))
                    and (until is null or until > to_timestamp($3 / 1000.0))) as "isPaused"`,
    [resource, service, now, revision],
  );
  if (row?.isPresent !== true) return 'superseded';
  if (row.isPaused) return 'paused';
  return row.isActing ? 'acting' : null;
}

/**
 * Drops what was observed of resources, by anybody or (`observer`) by one observer; the drift that
 * was open with it ends.
 */
export async function forgetStates(
  db: Db,
  resources: readonly string[],
  observer: string | null = null,
): Promise<void> {
  await query(
    db,
    `with gone as (delete from states where resource = any($1) and ($2::text is null or observer = $2)
                   returning resource)
     update drift_events set resolved_at = now()
     where resolved_at is null
       and (resource in (select resource from gone) or ($2::text is null and resource = any($1)))`,
    [resources, observer],
  );
}
