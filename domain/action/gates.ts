import type { Hold } from './action';

/**
 * The gates, in the order in which they are asked; the first that holds names the reason.
 * `resource` gates look at the resource alone and hold its policy; `others` look beyond it,
 * and only these queue. Further gates (maintenance, rate, breaker, flapping, blast
 * radius, storm, dependency, host) take their place in this table.
 */
export const GATES = [
  'paused',
  'not_actionable',
  'outside_schedule',
  'cooldown',
  'backoff',
  'attempts_exhausted',
  'target_busy',
  'max_concurrent',
  'control_plane_degraded',
] as const;
export type Gate = (typeof GATES)[number];

export type GateScope = 'resource' | 'others';

/** What the gates look at, read from the database in one go. Times are epoch ms. */
export interface GateFacts {
  now: number;
  isManual: boolean;
  isForced: boolean;
  pause: { scope: string; reason: string; until: number | null } | null;
  /** Why no action can be taken on this resource at all; null when it can. */
  notActionable: string | null;
  /** The hours of the policy, and when they begin (null: never), while it is outside of them. */
  outsideSchedule: { schedule: string; opensAt: number | null } | null;
  cooldownUntil: number | null;
  backoffUntil: number | null;
  attempts: number;
  maxAttempts: number;
  /** Action that holds the target's slot. */
  busyWith: string | null;
  acting: number;
  maxConcurrent: number | null;
  degraded: string | null;
}

interface GateRow {
  gate: Gate;
  scope: GateScope;
  /** A manual action passes without asking. */
  manualPasses: boolean;
  /** `force` passes without asking. */
  forcePasses: boolean;
  /** Null: nothing to hold. */
  check: (facts: GateFacts) => Omit<Hold, 'gate'> | null;
}

function until(time: number | null, now: number, detail: string): Omit<Hold, 'gate'> | null {
  return time !== null && time > now ? { detail, until: time } : null;
}

const TABLE: readonly GateRow[] = [
  {
    gate: 'paused',
    scope: 'resource',
    manualPasses: false,
    forcePasses: true,
    check: ({ pause }) =>
      pause && { detail: `paused (${pause.scope}): ${pause.reason}`, until: pause.until },
  },
  {
    gate: 'not_actionable',
    scope: 'resource',
    manualPasses: false,
    forcePasses: false,
    check: ({ notActionable }) =>
      notActionable === null ? null : { detail: notActionable, until: null },
  },
  {
    gate: 'outside_schedule',
    scope: 'resource',
    manualPasses: true,
    forcePasses: true,
    check: ({ outsideSchedule: closed }) =>
      closed && { detail: `outside its schedule (${closed.schedule})`, until: closed.opensAt },
  },
  {
    gate: 'cooldown',
    scope: 'resource',
    manualPasses: true,
    forcePasses: true,
    check: (f) => until(f.cooldownUntil, f.now, 'cooling down after the last action'),
  },
  {
    gate: 'backoff',
    scope: 'resource',
    manualPasses: true,
    forcePasses: true,
    check: (f) => until(f.backoffUntil, f.now, 'backing off after a failed attempt'),
  },
  {
    gate: 'attempts_exhausted',
    scope: 'resource',
    manualPasses: true,
    forcePasses: true,
    check: (f) =>
      f.attempts < f.maxAttempts
        ? null
        : {
            detail: `${f.attempts} of ${f.maxAttempts} attempts of this episode are used; it ends once the resource was quiet for a cooldown`,
            until: null,
          },
  },
  {
    gate: 'target_busy',
    scope: 'resource',
    manualPasses: false,
    forcePasses: false,
    check: ({ busyWith }) =>
      busyWith === null
        ? null
        : { detail: `action ${busyWith} is working on the same target`, until: null },
  },
  {
    gate: 'max_concurrent',
    scope: 'others',
    manualPasses: true,
    forcePasses: true,
    check: (f) =>
      f.maxConcurrent === null || f.acting < f.maxConcurrent
        ? null
        : {
            detail: `${f.acting} of at most ${f.maxConcurrent} targets of the policy are being acted on`,
            until: null,
          },
  },
  {
    gate: 'control_plane_degraded',
    scope: 'others',
    manualPasses: true,
    forcePasses: true,
    check: ({ degraded }) => (degraded === null ? null : { detail: degraded, until: null }),
  },
];

/** The first gate of that scope that holds, or null. */
export function firstHold(facts: GateFacts, scope: GateScope): Hold | null {
  for (const row of TABLE) {
    if (row.scope !== scope) continue;
    if (facts.isManual && row.manualPasses) continue;
    if (facts.isForced && row.forcePasses) continue;
    const hold = row.check(facts);
    if (hold !== null) return { gate: row.gate, ...hold };
  }
  return null;
}
