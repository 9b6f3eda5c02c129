import type { Policy, PolicyRevision, Severity, VerdictValue } from '../domain/policy/policy';
import type { Evidence } from '../domain/policy/policy';
import { query, type Db } from './database';

/** A policy in force, with the manifest it comes from. */
export interface PolicyRow {
  policy: string;
  revision: number;
  createdRevision: number;
  impliedBy: string | null;
  document: Policy;
  /** Of its manifest, or of the Service's that implies it. */
  source: string | null;
  file: string | null;
  line: number | null;
  manifestRevision: number | null;
}

/** With the manifest as its author wrote it. */
export interface PolicyDetailRow extends PolicyRow {
  manifest: unknown;
}

const COLUMNS = `
  p.policy, p.revision, p.created_revision as "createdRevision", p.implied_by as "impliedBy", p.document,
  m.source, m.file, m.line, m.revision as "manifestRevision"`;

const IN_FORCE = `
  from policies p left join manifests m
    on m.namespace = p.namespace
    and m.kind = case when p.implied_by is null then 'Policy' else 'Service' end
    and m.name = case when p.implied_by is null then p.name
      else substr(p.implied_by, strpos(p.implied_by, '/') + 1) end
  where p.deleted_at is null`;

/** Policies in force by key, after `after`. */
export async function listPolicies(
  db: Db,
  filter: { namespace: string | null; source: string | null },
  page: { after: string | null; limit: number },
): Promise<PolicyRow[]> {
  return query<PolicyRow>(
    db,
    `select ${COLUMNS} ${IN_FORCE} and ($1::text is null or p.policy > $1)
       and ($3::text is null or p.namespace = $3) and ($4::text is null or m.source = $4)
     order by p.policy limit $2`,
    [page.after, page.limit, filter.namespace, filter.source],
  );
}

/** One policy in force, or null. */
export async function getPolicy(db: Db, policy: string): Promise<PolicyDetailRow | null> {
  const rows = await query<PolicyDetailRow>(
    db,
    `select ${COLUMNS}, m.document as manifest ${IN_FORCE} and p.policy = $1`,
    [policy],
  );
  return rows[0] ?? null;
}

/** A policy as it was compiled at a revision: the newest document that is not younger; null before its first. */
export async function getCompiled(
  db: Db,
  policy: string,
  revision: number,
): Promise<Policy | null> {
  const rows = await query<{ document: Policy }>(
    db,
    `select document from policy_revisions where policy = $1 and revision <= $2
     order by revision desc limit 1`,
    [policy, revision],
  );
  return rows[0]?.document ?? null;
}

/** Every policy in force of a namespace, as the decision code sees it; disabled ones too. */
export async function loadPolicies(db: Db, namespace: string): Promise<PolicyRevision[]> {
  return query<PolicyRevision>(
    db,
    `select document as policy, revision, created_revision as "createdRevision"
     from policies where deleted_at is null and namespace = $1 order by policy`,
    [namespace],
  );
}

/** The detector's last word on one policy of a resource; times in epoch ms. */
export interface VerdictRow {
  policy: string;
  verdict: VerdictValue;
  value: number | null;
  evidence: Evidence[];
  since: number;
  severity: Severity;
  policyRevision: number;
  conditionHash: string;
}

/** The verdicts on a resource, by policy. */
export async function loadVerdicts(db: Db, resource: string): Promise<Map<string, VerdictRow>> {
  const rows = await query<VerdictRow>(
    db,
    `select policy, verdict, value, evidence, since, severity, policy_revision as "policyRevision",
       condition_hash as "conditionHash"
     from verdicts where resource = $1`,
    [resource],
  );
  return new Map(rows.map((row) => [row.policy, row]));
}

/** One policy's episode on a resource and what holds it; times in epoch ms. */
export interface EpisodeRow {
  policy: string;
  generation: number;
  episode: number;
  attempts: number;
  cooldownUntil: number | null;
  backoffUntil: number | null;
  held: { gate: string; detail: string; since: number | null; until: number | null } | null;
}

/** The newest generation's episode of each policy on a resource. */
export async function loadEpisodesOf(db: Db, resource: string): Promise<Map<string, EpisodeRow>> {
  const rows = await query<{
    policy: string;
    generation: number;
    episode: number;
    attempts: number;
    cooldownUntil: number | null;
    backoffUntil: number | null;
    heldGate: string | null;
    heldDetail: string | null;
    heldSince: number | null;
    heldUntil: number | null;
  }>(
    db,
    `select distinct on (policy) policy, generation, episode, attempts, cooldown_until as "cooldownUntil",
       backoff_until as "backoffUntil", held_gate as "heldGate", held_detail as "heldDetail",
       held_since as "heldSince", held_until as "heldUntil"
     from episodes where resource = $1 order by policy, generation desc`,
    [resource],
  );
  return new Map(
    rows.map(({ heldGate, heldDetail, heldSince, heldUntil, ...row }) => {
      const held =
        heldGate === null
          ? null
          : { gate: heldGate, detail: heldDetail ?? '', since: heldSince, until: heldUntil };
      return [row.policy, { ...row, held }];
    }),
  );
}
