import type { Episode } from '../domain/action/episode';
import type { Pause } from '../domain/action/pause';
import type { Policy, VerdictValue } from '../domain/policy/policy';
import { isTarget, type TargetCandidate } from '../domain/policy/targets';
import type { Resource, ServiceSpec } from '../domain/resource';
import { query, type Db } from './database';

/** Reads for the decisions on one (policy, resource). Times are epoch ms. */

export async function loadResource(db: Db, key: string): Promise<Resource | null> {
  const [row] = await query<{
    namespace: string;
    name: string;
    service: string;
    host: string | null;
    labels: Record<string, string>;
    spec: ServiceSpec;
    revision: number;
    created_revision: number;
  }>(
    db,
    `select namespace, name, service, host, labels, spec, revision, created_revision
       from resources where resource = $1 and deleted_at is null`,
    [key],
  );
  if (row === undefined) return null;
  const { created_revision: createdRevision, ...rest } = row;
  return { key, createdRevision, ...rest };
}

export interface StoredPolicy {
  policy: Policy;
  revision: number;
  createdRevision: number;
}

/** How many resources with a manifest the policy targets. */
export async function countTargets(
  db: Db,
  policy: Pick<Policy, 'namespace' | 'target'>,
): Promise<number> {
  const candidates = await query<TargetCandidate & Record<string, unknown>>(
    db,
    `select namespace, name, service, labels from resources
      where namespace = $1 and deleted_at is null`,
    [policy.namespace],
  );
  return candidates.filter((candidate) => isTarget(policy, candidate)).length;
}

/** The current revision of a policy; null when it is deleted. */
export async function loadPolicy(db: Db, key: string): Promise<StoredPolicy | null> {
  const [row] = await query<{ document: Policy; revision: number; created_revision: number }>(
    db,
    `select document, revision, created_revision from policies
      where policy = $1 and deleted_at is null`,
    [key],
  );
  return row === undefined
    ? null
    : { policy: row.document, revision: row.revision, createdRevision: row.created_revision };
}

/** A policy as it was at a revision: running work keeps its own. */
export async function loadPolicyRevision(
  db: Db,
  key: string,
  revision: number,
): Promise<Policy | null> {
  const [row] = await query<{ document: Policy }>(
    db,
    'select document from policy_revisions where policy = $1 and revision = $2',
    [key, revision],
  );
  return row?.document ?? null;
}

export interface StoredVerdict {
  verdict: VerdictValue;
  since: number;
  cleared_at: number | null;
  condition_hash: string;
  updated_at: number;
  /** When it last changed to or from true, oldest first. */
  edges: number[];
}

export async function loadVerdict(
  db: Db,
  resource: string,
  policy: string,
): Promise<StoredVerdict | null> {
  const [row] = await query<StoredVerdict>(
    db,
    `select verdict, since, cleared_at, condition_hash, updated_at,
            array(select extract(epoch from edge)::float8 * 1000 from unnest(edges) as edge) as edges
       from verdicts
      where resource = $1 and policy = $2`,
    [resource, policy],
  );
  return row ?? null;
}

/** `lock`: a resume waits until the transaction ends, and then sees the hold that it wrote. */
export async function loadPauses(
  db: Db,
  options: { lock: boolean } = { lock: false },
): Promise<Pause[]> {
  return query<{ scope: string; reason: string; until: number | null }>(
    db,
    `select scope, reason, until from pauses ${options.lock ? 'for share' : ''}`,
  );
}

export interface EpisodeKey {
  resource: string;
  policy: string;
  generation: number;
}

/** Two never decide on one policy of one resource at once; held until the transaction ends. */
export async function lockDecision(db: Db, { resource, policy }: EpisodeKey): Promise<void> {
  await query(db, 'select pg_advisory_xact_lock(hashtextextended($1, 7846111))', [
    `${resource} ${policy}`,
  ]);
}

/** The present episode, its row locked until the transaction ends. */
export async function lockEpisode(db: Db, key: EpisodeKey): Promise<Episode | null> {
  const [row] = await query<{
    episode: number;
    attempts: number;
    failures: number;
    recorded_at: number | null;
    cooldown_until: number | null;
    backoff_until: number | null;
  }>(
    db,
    `select episode, attempts, failures, recorded_at, cooldown_until, backoff_until
       from episodes where resource = $1 and policy = $2 and generation = $3 for update`,
    [key.resource, key.policy, key.generation],
  );
  if (row === undefined) return null;
  return {
    episode: row.episode,
    attempts: row.attempts,
    failures: row.failures,
    recordedAt: row.recorded_at,
    cooldownUntil: row.cooldown_until,
    backoffUntil: row.backoff_until,
  };
}

/** Writes the episode; what held it before is forgotten. */
export async function saveEpisode(db: Db, key: EpisodeKey, episode: Episode): Promise<void> {
  await query(
    db,
    `insert into episodes (resource, policy, generation, episode, attempts, failures,
                           recorded_at, cooldown_until, backoff_until)
     values ($1, $2, $3, $4, $5, $6,
             to_timestamp($7::float8 / 1000), to_timestamp($8::float8 / 1000), to_timestamp($9::float8 / 1000))
     on conflict (resource, policy, generation) do update set
       episode = excluded.episode, attempts = excluded.attempts, failures = excluded.failures,
       recorded_at = excluded.recorded_at, cooldown_until = excluded.cooldown_until,
       backoff_until = excluded.backoff_until,
       held_gate = null, held_detail = null, held_until = null, held_since = null`,
    [
      key.resource,
      key.policy,
      key.generation,
      episode.episode,
      episode.attempts,
      episode.failures,
      episode.recordedAt,
      episode.cooldownUntil,
      episode.backoffUntil,
    ],
  );
}
