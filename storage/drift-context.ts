import { episodeAt, type Episode } from '../domain/action/episode';
import type { Change } from '../domain/drift/change';
import type { Policy } from '../domain/policy/policy';
import type { ResourceKey, ServiceSpec } from '../domain/resource';
import { query, type Db } from './database';

/** Reads for what drift means: what depends on it, what repairs it, and what holds that. Epoch ms. */

/** A resource that differs, with everything that differs now. */
export interface Drifting {
  resource: ResourceKey;
  spec: ServiceSpec;
  changes: Change[];
}

/** Those of these resources that have a manifest, by key. */
export async function loadDrifting(
  db: Db,
  resources: readonly string[],
): Promise<Map<ResourceKey, Drifting>> {
  const rows = await query<Drifting & Record<string, unknown>>(
    db,
    `select resource, spec, (
       select coalesce(jsonb_agg(jsonb_build_object('pointer', pointer, 'kind', kind,
         'desired', desired, 'observed', observed, 'severity', severity) order by pointer), '[]')
       from drift_events d where d.resource = r.resource and resolved_at is null) as changes
     from resources r where resource = any($1) and deleted_at is null`,
    [resources],
  );
  return new Map(rows.map((row) => [row.resource, row]));
}

/** What every resource needs; of a Service, each of its members. Two equal joins: one `or` compares each with each. */
export async function loadDependsOn(db: Db): Promise<Map<ResourceKey, ResourceKey[]>> {
  const rows = await query<{ resource: string; needs: string[] }>(
    db,
    `with live as (
       select resource, namespace || '/' || service as service, spec -> 'dependsOn' as needs
       from resources where deleted_at is null),
     stated as (
       select resource, jsonb_array_elements_text(needs) as dependency from live
       where jsonb_typeof(needs) = 'array')
     select resource, array_agg(need) as needs from (
       select s.resource, m.resource as need from stated s join live m on m.resource = dependency
       union
       select s.resource, m.resource from stated s join live m on m.service = dependency) as found
     group by resource`,
  );
  return new Map(rows.map(({ resource, needs }) => [resource, needs]));
}

/** The policy that repairs a resource's drift, and how far it is. */
export interface Repair {
  resource: ResourceKey;
  policy: Policy;
  /** The present one; null: it never acted. */
  episode: Episode | null;
  /** When its verdict changed to or from true. */
  edges: number[];
  /** An action of it that waits or works. */
  request: {
    actionId: string;
    state: 'awaiting_approval' | 'open' | 'granted';
    held: { gate: string; detail: string; until: number | null } | null;
  } | null;
  /** Action that holds the resource's slot, whatever it does. */
  busyWith: string | null;
}

interface RepairRow extends Record<string, unknown> {
  resource: ResourceKey;
  policy: Policy;
  episode: number | null;
  attempts: number;
  failures: number;
  recordedAt: number | null;
  cooldownUntil: number | null;
  backoffUntil: number | null;
  verdict: string | null;
  since: number;
  clearedAt: number | null;
  edges: number[] | null;
  actionId: string | null;
  state: 'awaiting_approval' | 'open' | 'granted';
  heldGate: string | null;
  heldDetail: string | null;
  heldUntil: number | null;
  busyWith: string | null;
}

/** Of these resources those whose Service heals itself, by key. */
export async function loadRepairs(
  db: Db,
  resources: readonly string[],
): Promise<Map<ResourceKey, Repair>> {
  const rows = await query<RepairRow>(
    db,
    `select r.resource, p.document as policy, e.episode, e.attempts, e.failures,
       e.recorded_at as "recordedAt", e.cooldown_until as "cooldownUntil",
       e.backoff_until as "backoffUntil", v.verdict, v.since, v.cleared_at as "clearedAt",
       array(select extract(epoch from edge)::float8 * 1000 from unnest(v.edges) as edge) as edges,
       q.action_id as "actionId", q.state, q.held_gate as "heldGate",
       q.held_detail as "heldDetail", q.held_until as "heldUntil", s.action_id as "busyWith"
     from resources r
     join policies p on p.deleted_at is null and p.implied_by = r.namespace || '/' || r.service
       and p.name = r.service || ':sync'
     left join episodes e on e.resource = r.resource and e.policy = p.policy
       and e.generation = greatest(p.created_revision, r.created_revision)
     left join verdicts v on v.resource = r.resource and v.policy = p.policy
     left join lateral (select * from requests q where q.resource = r.resource
         and q.policy = p.policy and q.state in ('awaiting_approval', 'open', 'granted')
       order by created_at desc limit 1) q on true
     left join slots s on s.target = r.resource
     where r.resource = any($1) and r.deleted_at is null`,
    [resources],
  );
  return new Map(rows.map((row) => [row.resource, repairOf(row)]));
}

function repairOf(row: RepairRow): Repair {
  const { resource, policy, edges, actionId, state, heldGate, heldDetail, heldUntil } = row;
  const held =
    heldGate === null ? null : { gate: heldGate, detail: heldDetail ?? '', until: heldUntil };
  return {
    ...{ resource, policy, edges: edges ?? [], busyWith: row.busyWith },
    episode: presentEpisode(row),
    request: actionId === null ? null : { actionId, state, held },
  };
}

/** What was used up in an episode that is over holds nothing any more. */
function presentEpisode(row: RepairRow): Episode | null {
  const { episode, attempts, failures, recordedAt, cooldownUntil, backoffUntil } = row;
  if (episode === null) return null;
  const stored = { episode, attempts, failures, recordedAt, cooldownUntil, backoffUntil };
  if (row.verdict !== 'true') return stored;
  return episodeAt(stored, row, row.policy.cooldownMs);
}
