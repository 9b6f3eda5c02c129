import { notActionable } from '../domain/action/actionable';
import type { Episode } from '../domain/action/episode';
import type { Hold } from '../domain/action/action';
import { firstHold, openFacts, type GateFacts } from '../domain/action/gates';
import type { Policy } from '../domain/policy/policy';
import type { Resource } from '../domain/resource';
import { query, type Db } from '../storage/database';
import { loadSharedFacts } from '../storage/gate-facts';

const USUAL_PER_HOUR = 4;

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
  /** What lies beyond the resource is looked at already, not only in the queue. */
  isPreview: boolean;
  now: number;
}

/** Everything the gates look at for a policy's request, in the transaction that decides on it. */
export async function policyFacts(db: Db, want: Want): Promise<GateFacts> {
  const { resource, policy, episode, now } = want;
  const claim = { policy: policy.key, resource: resource.key };
  const { of, loads } = await loadSharedFacts(db, [claim], {
    ...{ now, lockPauses: true, isOwnOnly: !want.isPreview },
  });
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
    perHour: perHourOf(policy),
    attempts: episode.attempts,
    maxAttempts: policy.limits.attempts,
    edges: want.edges,
    notActionable: notActionable(resource),
    maxConcurrent: want.maxConcurrent,
    groups: groups.flatMap((id) => loads.get(id) ?? []),
    hostAway: want.hostAway,
  };
}

/** A policy that was stored before hourly limits has the usual one; what `sync` implies has none. */
function perHourOf({ limits, impliedBy }: Policy): number | null {
  return limits.perHour ?? (impliedBy === null ? USUAL_PER_HOUR : null);
}

/** The same for an action that a person asked for. */
export async function manualFacts(
  db: Db,
  want: Pick<Want, 'resource' | 'hostAway' | 'now'> & { isForced: boolean },
): Promise<GateFacts> {
  const { resource, now } = want;
  const claim = { policy: null, resource: resource.key };
  const { of } = await loadSharedFacts(db, [claim], { now, isOwnOnly: true });
  return {
    ...openFacts(now, resource.key),
    ...of(claim),
    groups: [],
    ...(await loadSlots(db, claim)),
    isManual: true,
    isForced: want.isForced,
    notActionable: notActionable(resource),
    hostAway: want.hostAway,
  };
}

/** The gate `host_away` alone: a slot would only be held for a worker that does not come. */
export function hostHold({ now, target, hostAway, isNotice }: GateFacts): Hold | null {
  return firstHold({ ...openFacts(now, target), hostAway, isNotice }, 'others');
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
