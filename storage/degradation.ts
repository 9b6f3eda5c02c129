import { selectorsOfData } from '../domain/policy/reading';
import { expressionsOf } from '../domain/policy/selectors';
import { namesResource } from '../domain/policy/series';
import { parseResourceKey } from '../domain/resource';
import type { Policy } from '../domain/policy/policy';
import { query, type Db } from './database';

interface Claim {
  policy: string | null;
  resource: string;
}

/**
 * Says why the control plane should not be trusted with a policy's action now: the reason the api
 * wrote down, or that no sample of a metric of the policy arrived since the api started.
 */
export async function loadDegradation(
  db: Db,
  claims: readonly Claim[],
): Promise<(policy: string | null, resource: string) => string | null> {
  const [row] = await query<{ degraded_reason: string | null; api_started_at: number }>(
    db,
    'select degraded_reason, api_started_at from control_plane',
  );
  const unseen =
    row === undefined ? new Set<string>() : await loadUnseen(db, claims, row.api_started_at);
  return (policy, resource) => {
    if (policy === null || row === undefined) return null;
    if (row.degraded_reason !== null) return row.degraded_reason;
    return unseen.has(`${resource} ${policy}`)
      ? 'the collector started anew and has not received the samples of the condition yet'
      : null;
  };
}

/** The claims with a metric of which no sample was received since `startedAt` (epoch ms). */
async function loadUnseen(
  db: Db,
  claims: readonly Claim[],
  startedAt: number,
): Promise<Set<string>> {
  const keys = [...new Set(claims.flatMap((c) => (c.policy === null ? [] : [c.policy])))];
  const policies = await query<{ policy: string; document: Policy }>(
    db,
    'select policy, document from policies where policy = any($1)',
    [keys],
  );
  const pairs = claims.flatMap(({ policy, resource }) => {
    const document = policies.find((p) => p.policy === policy)?.document;
    if (document === undefined) return [];
    // Where silence itself is what is wrong, there is no sample to wait for.
    const { condition } = document;
    const needed =
      condition.missing === 'firing' ? [] : expressionsOf(condition).flatMap(selectorsOfData);
    return needed.map((selector) => ({
      policy: document.key,
      resource,
      metric: selector.metric,
      // A selector that names whose series it means is served by any of the namespace.
      owner: namesResource(selector) ? `${parseResourceKey(resource).namespace}/` : null,
    }));
  });
  const unseen = await query<{ policy: string; resource: string }>(
    db,
    `select p.policy, p.resource
       from unnest($1::text[], $2::text[], $3::text[], $5::text[]) as p (policy, resource, metric, owner)
      where not exists (
        select 1 from (
          select series_id from series where owner = p.resource and name = p.metric
          union all
          select series_id from series where member = p.resource and name = p.metric
          union all
          select series_id from series
           where p.owner is not null and name = p.metric and starts_with(owner, p.owner)) s
         cross join lateral (
           select 1 from samples m
            where m.series_id = s.series_id and m.ts > to_timestamp($4::float8 / 1000) - interval '1 minute'
              and m.ts + m.lag * interval '1 second' >= to_timestamp($4::float8 / 1000) - interval '1 second'
            limit 1) seen)`,
    [
      pairs.map((p) => p.policy),
      pairs.map((p) => p.resource),
      pairs.map((p) => p.metric),
      startedAt,
      pairs.map((p) => p.owner),
    ],
  );
  return new Set(unseen.map((u) => `${u.resource} ${u.policy}`));
}
