import type { PoolClient } from 'pg';
import type { Evidence, Severity, VerdictValue } from '../domain/policy/policy';
import { FLAPPING } from '../domain/action/rate';
import type { VerdictFact } from '../workflows/contract';
import { query, type Db } from './database';

const LOCK = 7_846_121;

export interface PairKey {
  resource: string;
  policy: string;
}

/** A verdict as it stands in the table; times are epoch ms. */
export interface StoredVerdict extends PairKey {
  verdict: VerdictValue;
  value: number | null;
  evidence: Evidence[];
  since: number;
  /** When it last stopped being true. */
  clearedAt: number | null;
  severity: Severity;
  policyRevision: number;
  conditionHash: string;
  version: number;
  updatedAt: number;
}

/** One writer at a time: versions become visible in their order, and a set read under the lock is whole. */
export async function lockVerdicts(db: PoolClient): Promise<void> {
  await query(db, 'select pg_advisory_xact_lock($1)', [LOCK]);
}

export async function loadAllVerdicts(db: Db): Promise<StoredVerdict[]> {
  return query<StoredVerdict>(
    db,
    `select resource, policy, verdict, value, evidence, since, cleared_at as "clearedAt", severity,
       policy_revision as "policyRevision", condition_hash as "conditionHash", version,
       updated_at as "updatedAt"
     from verdicts`,
  );
}

/** As many new versions as asked for, ascending. */
export async function nextVersions(db: Db, count: number): Promise<number[]> {
  const rows = await query<{ version: number }>(
    db,
    `select nextval('verdict_version') as version from generate_series(1, $1)`,
    [count],
  );
  return rows.map((row) => row.version);
}

/** Writes verdicts over what was there; `clearedAt` null keeps what was there. */
export async function saveVerdicts(db: Db, verdicts: readonly StoredVerdict[]): Promise<void> {
  if (verdicts.length === 0) return;
  await query(
    db,
    `insert into verdicts (resource, policy, verdict, value, evidence, since, cleared_at, severity,
       policy_revision, condition_hash, version, updated_at)
     select r.resource, r.policy, r.verdict, r.value, r.evidence, to_timestamp(r.since / 1000),
       to_timestamp(r."clearedAt" / 1000), r.severity, r."policyRevision", r."conditionHash", r.version,
       to_timestamp(r."updatedAt" / 1000)
     from jsonb_to_recordset($1) as r(resource text, policy text, verdict text, value float8, evidence jsonb,
       since float8, "clearedAt" float8, severity text, "policyRevision" bigint, "conditionHash" text, version bigint,
       "updatedAt" float8)
     on conflict (resource, policy) do update set
       verdict = excluded.verdict, value = excluded.value, evidence = excluded.evidence,
       since = excluded.since, cleared_at = coalesce(excluded.cleared_at, verdicts.cleared_at),
       edges = case when (verdicts.verdict = 'true') = (excluded.verdict = 'true') then verdicts.edges
         else (verdicts.edges || excluded.updated_at)[greatest(1, cardinality(verdicts.edges) + 1 - $2::int):] end,
       severity = excluded.severity, policy_revision = excluded.policy_revision,
       condition_hash = excluded.condition_hash, version = excluded.version, updated_at = excluded.updated_at`,
    [JSON.stringify(verdicts), FLAPPING.edges],
  );
}

/** Removes verdicts whose resource or policy is gone; answers those that were there. */
export async function deleteVerdicts(db: Db, pairs: readonly PairKey[]): Promise<PairKey[]> {
  if (pairs.length === 0) return [];
  return query(
    db,
    `delete from verdicts v using unnest($1::text[], $2::text[]) as gone(resource, policy)
     where v.resource = gone.resource and v.policy = gone.policy
     returning v.resource, v.policy`,
    [pairs.map((pair) => pair.resource), pairs.map((pair) => pair.policy)],
  );
}

/** The full verdict set of each resource, as its workflow hears it. Resources without verdicts get an empty set. */
export async function loadVerdictSets(
  db: Db,
  resources: readonly string[],
): Promise<Map<string, VerdictFact[]>> {
  const rows = await query<VerdictFact & { resource: string }>(
    db,
    `select v.resource, v.policy, v.policy_revision as "policyRevision", v.verdict, v.since,
       coalesce((coalesce(r.document, p.document) #>> '{condition,forMs}')::float8, 0) as "forMs",
       v.severity, v.condition_hash as "conditionHash"
     from verdicts v
     left join policy_revisions r on r.policy = v.policy and r.revision = v.policy_revision
     left join policies p on p.policy = v.policy
     where v.resource = any($1) order by v.resource, v.policy`,
    [resources],
  );
  const sets = new Map<string, VerdictFact[]>(resources.map((resource) => [resource, []]));
  for (const { resource, ...fact } of rows) sets.get(resource)?.push(fact);
  return sets;
}

/** Of these pairs, those with an open request, or with an episode that still holds or cools down at `now`. */
export async function pairsUnderWay(
  db: Db,
  pairs: readonly PairKey[],
  now: number,
): Promise<PairKey[]> {
  if (pairs.length === 0) return [];
  return query<PairKey & Record<string, unknown>>(
    db,
    `select resource, policy from unnest($1::text[], $2::text[]) as pair(resource, policy)
     where exists (select 1 from requests q where q.resource = pair.resource and q.policy = pair.policy
         and q.state in ('awaiting_approval', 'open', 'granted'))
       or exists (select 1 from episodes e where e.resource = pair.resource and e.policy = pair.policy
         and (e.held_gate is not null
           or greatest(e.cooldown_until, e.backoff_until) > to_timestamp($3::float8 / 1000)))`,
    [pairs.map((pair) => pair.resource), pairs.map((pair) => pair.policy), now],
  );
}
