import type { Hold } from './action';
import { firstHold, openFacts, type GateFacts } from './gates';
import type { GroupLoad } from './group-load';
import { severityRank, type Severity } from '../policy/policy';

/** A committed request that waits for a slot. Times are epoch ms. */
export interface WaitingRequest extends Pick<
  GateFacts,
  'pause' | 'maintenance' | 'outsideSchedule' | 'breaker' | 'dependency' | 'degraded'
> {
  actionId: string;
  policy: string | null;
  target: string;
  severity: Severity;
  since: number;
  maxConcurrent: number | null;
  isForced: boolean;
  /** Ids of the groups whose limits hold for it: those its target is in, and those its policy names. */
  groups: readonly string[];
}

export interface HeldSlot {
  actionId: string;
  policy: string | null;
  target: string;
}

/** Everything beyond the requests themselves that admission looks at. */
export interface AdmissionWorld {
  held: readonly HeldSlot[];
  /** By id. */
  groups: ReadonlyMap<string, GroupLoad>;
  now: number;
}

export type Decision =
  { kind: 'granted'; actionId: string } | { kind: 'queued'; actionId: string; hold: Hold };

/**
 * Decides every waiting request in order of (severity, since, action id), given the slots that are
 * held. Granting one changes what the next ones see, so never more than maxConcurrent of a policy
 * or of a group, and never two on one target, are granted.
 */
export function decideAdmission(
  waiting: readonly WaitingRequest[],
  { held, groups, now }: AdmissionWorld,
): Decision[] {
  const slots = createSlots(held);
  const loads = new Map([...groups].map(([id, load]) => [id, withOwnSets(load)]));
  return [...waiting].sort(byUrgency).map((request) => {
    const asked = request.groups.flatMap((id) => loads.get(id) ?? []);
    const facts = { ...factsOf(request, slots, now), groups: asked };
    const hold = firstHold(facts, 'resource') ?? firstHold(facts, 'others');
    if (hold !== null) return { kind: 'queued', actionId: request.actionId, hold };
    slots.add(request);
    // Whoever's group it is in counts it, whether or not this request had to ask that group.
    const counting = [...loads.values()].filter(({ keys }) => keys.has(request.target));
    for (const { acting, unhealthy } of [...asked, ...counting]) {
      acting.add(request.target);
      unhealthy.add(request.target);
    }
    return { kind: 'granted', actionId: request.actionId };
  });
}

function byUrgency(a: WaitingRequest, b: WaitingRequest): number {
  return (
    severityRank(a.severity) - severityRank(b.severity) ||
    a.since - b.since ||
    (a.actionId < b.actionId ? -1 : 1)
  );
}

type Growing = GroupLoad & { acting: Set<string>; unhealthy: Set<string> };

/** Grants of this pass are added to them, and the caller's stay as they are. */
function withOwnSets(load: GroupLoad): Growing {
  return { ...load, acting: new Set(load.acting), unhealthy: new Set(load.unhealthy) };
}

interface Slots {
  add: (slot: HeldSlot) => void;
  holderOf: (target: string) => string | null;
  actingOf: (policy: string | null) => number;
}

function createSlots(held: readonly HeldSlot[]): Slots {
  const holders = new Map<string, string>();
  const acting = new Map<string | null, number>();
  const slots: Slots = {
    add({ actionId, target, policy }) {
      holders.set(target, actionId);
      acting.set(policy, slots.actingOf(policy) + 1);
    },
    holderOf: (target) => holders.get(target) ?? null,
    actingOf: (policy) => acting.get(policy) ?? 0,
  };
  held.forEach((slot) => {
    slots.add(slot);
  });
  return slots;
}

/** Cooldown, backoff, attempts, rate, edges and the host were asked when the request was made. */
function factsOf(request: WaitingRequest, slots: Slots, now: number): GateFacts {
  const { pause, maintenance, outsideSchedule, breaker, dependency, degraded } = request;
  return {
    ...openFacts(now, request.target),
    ...{ pause, maintenance, outsideSchedule, breaker, dependency, degraded },
    isManual: request.policy === null,
    isForced: request.isForced,
    busyWith: slots.holderOf(request.target),
    acting: slots.actingOf(request.policy),
    maxConcurrent: request.policy === null ? null : request.maxConcurrent,
  };
}
