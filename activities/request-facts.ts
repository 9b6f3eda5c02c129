import { notActionable } from '../domain/action/actionable';
import type { Episode } from '../domain/action/episode';
import { openFacts, type GateFacts } from '../domain/action/gates';
import type { Policy } from '../domain/policy/policy';
import type { Resource } from '../domain/resource';
import { query, type Db } from '../storage/database';
import { loadSharedFacts } from '../storage/gate-facts';

/** One policy that wants to act on one resource. */
export interface Want {
  resource: Resource;
  policy: Policy;
  episode: Episode;
  maxConcurrent: number;
  isNotice: boolean;
  /** When its verdict changed to or from true, epoch ms. */
  edges: readonly number[];
  hostAway: string | null;
  now: number;
}

/** Everything the gates look at for a policy's request, in the transaction that decides on it. */
export async function policyFacts(db: Db, want: Want): Promise<GateFacts> {
  const { resource, policy, episode, now } = want;
  const claim = { policy: policy.key, resource: resource.key };
  const { of, loads } = await loadSharedFacts(db, [claim], { now, lockPauses: true });
  const { groups, ...shared } = of(claim);
  const slots = await loadSlots(db, claim);
  return {
    ...openFacts(now, resource.key),
    ...shared,
    ...slots,
    isNotice: want.isNotice,
    cooldownUntil: episode.cooldownUntil,
    backoffUntil: episode.backoffUntil,
    begun: await loadBegun(db, claim),
    perHour: policy.limits.perHour ?? null,
    attempts: episode.attempts,
    maxAttempts: policy.limits.attempts,
    edges: want.edges,
    notActionable: notActionable(resource),
    maxConcurrent: want.maxConcurrent,
    groups: groups.flatMap((id) => loads.get(id) ?? []),
    hostAway: want.hostAway,
  };
}

/** The same for an action that a person asked for. */
export async function manualFacts(
  db: Db,
  want: Pick<Want, 'resource' | 'hostAway' | 'now'> & { isForced: boolean },
): Promise<GateFacts> {
  const { resource, now } = want;
  const claim = { policy: null, resource: resource.key };
  const { of, loads } = await loadSharedFacts(db, [claim], { now });
  const { groups, ...shared } = of(claim);
  return {
    ...openFacts(now, resource.key),
    ...shared,
    ...(await loadSlots(db, claim)),
    isManual: true,
    isForced: want.isForced,
    notActionable: notActionable(resource),
    groups: groups.flatMap((id) => loads.get(id) ?? []),
    hostAway: want.hostAway,
  };
}

async function loadSlots(
  db: Db,
  { policy, resource }: { policy: string | null; resource: string },
): Promise<Pick<GateFacts, 'busyWith' | 'acting'>> {
  const [row] = await query<Pick<GateFacts, 'busyWith' | 'acting'>>(
    db,
    `select (select action_id from slots where target = $1) as "busyWith",
            (select count(*) from slots where policy = $2) as acting`,
    [resource, policy],
  );
  return row ?? { busyWith: null, acting: 0 };
}

/** When the policy's actions on the resource of the last hour began, epoch ms. */
async function loadBegun(
  db: Db,
  { policy, resource }: { policy: string; resource: string },
): Promise<number[]> {
  const rows = await query<{ at: number }>(
    db,
    `select begun_at as at from requests where resource = $1 and policy = $2
        and begun_at > clock_timestamp() - interval '1 hour'`,
    [resource, policy],
  );
  return rows.map(({ at }) => at);
}
