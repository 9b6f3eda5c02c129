import type { ServiceSpec } from '../domain/resource';
import type { Severity, VerdictValue } from '../domain/policy/policy';
import { query, type Db } from './database';

/** A resource as people see it; times in epoch ms. `spec` null: only observed, through its series. */
export interface ResourceRow {
  resource: string;
  namespace: string;
  name: string;
  service: string;
  host: string | null;
  labels: Record<string, string>;
  spec: ServiceSpec | null;
  revision: number;
  createdRevision: number;
  isPaused: boolean;
  observed: { isRunning: boolean; identity: string | null; observedAt: number } | null;
  driftCount: number;
  policies: { policy: string; verdict: VerdictValue; since: number; severity: Severity }[];
}

/**
 * Owners of series are resources too, unless a manifest has them, or had them (samples do not bring a
 * deleted resource back), or they name the group of a Service's members.
 */
const KNOWN = `
  with known as (
    select resource, namespace, name, service, host, labels, spec, revision, created_revision
    from resources where deleted_at is null
    union all
    select distinct owner, split_part(owner, '/', 1), substr(owner, strpos(owner, '/') + 1),
      substr(owner, strpos(owner, '/') + 1), null::text, '{}'::jsonb, null::jsonb, 0::bigint, 0::bigint
    from series where owner is not null and not exists (
      select 1 from resources r
      where r.resource = series.owner or r.namespace || '/' || r.service = series.owner))`;

const PAUSED = `exists (select 1 from pauses p where (p.until is null or p.until > to_timestamp($1 / 1000.0))
  and (p.scope in ('*', k.resource, k.namespace || '/' || k.service) or exists (
    select 1 from group_members m where m.group_id = 'group:' || p.scope and m.resource = k.resource)))`;

const SELECT = `${KNOWN}
  select k.resource, k.namespace, k.name, k.service, k.host, k.labels, k.spec, k.revision,
    k.created_revision as "createdRevision", ${PAUSED} as "isPaused",
    case when s.resource is null then null else jsonb_build_object(
      'isRunning', s.observed -> 'isRunning', 'identity', s.observed -> 'identity',
      'observedAt', floor(extract(epoch from s.observed_at) * 1000)) end as observed,
    (select count(*) from drift_events d where d.resource = k.resource and d.resolved_at is null) as "driftCount",
    coalesce((select jsonb_agg(jsonb_build_object('policy', v.policy, 'verdict', v.verdict,
        'since', floor(extract(epoch from v.since) * 1000), 'severity', v.severity) order by v.policy)
      from verdicts v join policies p on p.policy = v.policy and p.deleted_at is null
      where v.resource = k.resource), '[]'::jsonb) as policies
  from known k left join states s on s.resource = k.resource`;

/** Resources by key, after `after`; `now` (epoch ms) decides which pauses still count. */
export async function listResources(
  db: Db,
  now: number,
  page: { after: string | null; limit: number },
): Promise<ResourceRow[]> {
  return query<ResourceRow>(
    db,
    `${SELECT} where $2::text is null or k.resource > $2 order by k.resource limit $3`,
    [now, page.after, page.limit],
  );
}

/** One resource, or null when neither a manifest nor a series names it. */
export async function getResource(
  db: Db,
  now: number,
  resource: string,
): Promise<ResourceRow | null> {
  const rows = await query<ResourceRow>(db, `${SELECT} where k.resource = $2`, [now, resource]);
  return rows[0] ?? null;
}

/** The Service manifest a resource comes from, as its author wrote it; null without one. */
export async function getServiceDocument(
  db: Db,
  namespace: string,
  service: string,
): Promise<unknown> {
  const rows = await query<{ document: unknown }>(
    db,
    `select document from manifests where kind = 'Service' and namespace = $1 and name = $2`,
    [namespace, service],
  );
  return rows[0]?.document ?? null;
}

export interface HostedResource {
  resource: string;
  namespace: string;
  name: string;
  service: string;
  host: string | null;
  spec: ServiceSpec;
}

/** Managed resources on a host; with `isControlHost` those without a host, too. */
export async function listHosted(
  db: Db,
  host: string,
  isControlHost: boolean,
): Promise<HostedResource[]> {
  return query<HostedResource>(
    db,
    `select resource, namespace, name, service, host, spec from resources
     where deleted_at is null and (host = $1 or ($2 and host is null)) order by resource`,
    [host, isControlHost],
  );
}

/** Notes that a host's agent was heard. */
export async function touchAgent(db: Db, host: string, version: string): Promise<void> {
  await query(
    db,
    `insert into agents (host, version) values ($1, $2)
     on conflict (host) do update set version = excluded.version, last_seen_at = now()`,
    [host, version],
  );
}

/** The verbs that Services of a namespace name themselves (runtimes script and webhook). */
export async function listOwnVerbs(db: Db, namespace: string): Promise<string[]> {
  const rows = await query<{ verb: string }>(
    db,
    `select distinct jsonb_object_keys(spec #> '{runtime,actions}') as verb from resources
      where namespace = $1 and deleted_at is null
        and jsonb_typeof(spec #> '{runtime,actions}') = 'object'`,
    [namespace],
  );
  return rows.map(({ verb }) => verb);
}
