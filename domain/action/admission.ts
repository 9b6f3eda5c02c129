import type { Hold } from './action';
import { firstHold, type GateFacts } from './gates';
import { severityRank, type Severity } from '../policy/policy';

/** A committed request that waits for a slot. Times are epoch ms. */
export interface WaitingRequest {
  actionId: string;
  policy: string | null;
  target: string;
  severity: Severity;
  since: number;
  maxConcurrent: number | null;
  isForced: boolean;
  /** A pause that covers the target, if any. */
  pause: GateFacts['pause'];
  outsideSchedule: GateFacts['outsideSchedule'];
  degraded: string | null;
}

export interface HeldSlot {
  actionId: string;
  policy: string | null;
  target: string;
}

export type Decision =
  { kind: 'granted'; actionId: string } | { kind: 'queued'; actionId: string; hold: Hold };

/**
 * Decides every waiting request in order of (severity, since, action id), given the slots that are
 * held. Granting one changes what the next ones see, so never more than maxConcurrent of a policy
 * and never two on one target are granted.
 */
export function decideAdmission(
  waiting: readonly WaitingRequest[],
  held: readonly HeldSlot[],
  now: number,
): Decision[] {
  const slots = [...held];
  return [...waiting].sort(byUrgency).map((request) => {
    const facts = factsOf(request, slots, now);
    const hold = firstHold(facts, 'resource') ?? firstHold(facts, 'others');
    if (hold !== null) return { kind: 'queued', actionId: request.actionId, hold };
    slots.push(request);
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

/** Cooldown, backoff and attempts were asked when the request was made. */
function factsOf(request: WaitingRequest, slots: readonly HeldSlot[], now: number): GateFacts {
  return {
    now,
    isManual: request.policy === null,
    isForced: request.isForced,
    pause: request.pause,
    notActionable: null,
    outsideSchedule: request.outsideSchedule,
    cooldownUntil: null,
    backoffUntil: null,
    attempts: 0,
    maxAttempts: 1,
    busyWith: slots.find((slot) => slot.target === request.target)?.actionId ?? null,
    acting: slots.filter((slot) => slot.policy === request.policy).length,
    maxConcurrent: request.maxConcurrent,
    degraded: request.degraded,
  };
}
