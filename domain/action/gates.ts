import type { Hold } from './action';
import type { BreakerState } from './breaker';
import { blastHold, slotsHold, stormHold, type GroupLoad } from './group-load';
import { flappingUntil, rateLimitedUntil } from './rate';

/**
 * The gates, in the order in which they are asked; the first that holds names the reason.
 * `resource` gates look at the resource alone and hold its policy; `others` look beyond it,
 * and only these queue.
 */
export const GATES = [
  'paused',
  'maintenance',
  'outside_schedule',
  'cooldown',
  'backoff',
  'rate_limited',
  'attempts_exhausted',
  'breaker_open',
  'flapping',
  'not_actionable',
  'target_busy',
  'max_concurrent',
  'blast_radius',
  'storm',
  'dependency_down',
  'host_away',
  'control_plane_degraded',
] as const;
export type Gate = (typeof GATES)[number];

export type GateScope = 'resource' | 'others';

/** What the gates look at, read from the database in one go. Times are epoch ms. */
export interface GateFacts {
  now: number;
  /** The resource to be acted on. */
  target: string;
  isManual: boolean;
  isForced: boolean;
  /** It only tells people: gates that guard the world do not hold it. */
  isNotice: boolean;
  pause: { scope: string; reason: string; until: number | null } | null;
  /** The maintenance window that is open over it, and when that ends (null: never). */
  maintenance: { window: string; reason: string; until: number | null } | null;
  /** The hours of the policy, and when they begin (null: never), while it is outside of them. */
  outsideSchedule: { schedule: string; opensAt: number | null } | null;
  cooldownUntil: number | null;
  backoffUntil: number | null;
  /** When the policy's last actions on the resource began, and how many an hour may have; null: any. */
  begun: readonly number[];
  perHour: number | null;
  attempts: number;
  maxAttempts: number | null;
  breaker: BreakerState;
  /** When the verdict last changed to or from true. */
  edges: readonly number[];
  /** Why no action can be taken on this resource at all; null when it can. */
  notActionable: string | null;
  /** Action that holds the target's slot. */
  busyWith: string | null;
  /** Actions of the policy that hold a slot, and how many may; null: any. */
  acting: number;
  maxConcurrent: number | null;
  /** Every group whose limits hold for the action. */
  groups: readonly GroupLoad[];
  /** A resource it needs that is down, and why one thinks so. */
  dependency: { resource: string; why: string } | null;
  /** Why the worker of its host is not there; null when it is. */
  hostAway: string | null;
  degraded: string | null;
}

/** Facts with which no gate holds: what a caller does not know, or asked before. */
export function openFacts(now: number, target: string): GateFacts {
  return {
    ...{ now, target, isManual: false, isForced: false, isNotice: false },
    ...{ pause: null, maintenance: null, outsideSchedule: null },
    ...{ cooldownUntil: null, backoffUntil: null, begun: [], perHour: null },
    ...{ attempts: 0, maxAttempts: 1, breaker: { kind: 'closed' }, edges: [] },
    ...{ notActionable: null, busyWith: null, acting: 0, maxConcurrent: null, groups: [] },
    ...{ dependency: null, hostAway: null, degraded: null },
  };
}

type Held = Omit<Hold, 'gate'> | null;

interface GateRow {
  gate: Gate;
  scope: GateScope;
  /** Who passes without asking: a person's action, one with `force`, one that only tells people. */
  passes: readonly ('manual' | 'force' | 'notice')[];
  /** Null: nothing to hold. */
  check: (facts: GateFacts) => Held;
}

function until(time: number | null, now: number, detail: string): Held {
  return time !== null && time > now ? { detail, until: time } : null;
}

function because(detail: string | null): Held {
  return detail === null ? null : { detail, until: null };
}

const TABLE: readonly GateRow[] = [
  {
    gate: 'paused',
    scope: 'resource',
    passes: ['force'],
    check: ({ pause }) =>
      pause && { detail: `paused (${pause.scope}): ${pause.reason}`, until: pause.until },
  },
  {
    gate: 'maintenance',
    scope: 'resource',
    passes: ['force'],
    check: ({ maintenance: open }) =>
      open && { detail: `maintenance ${open.window}: ${open.reason}`, until: open.until },
  },
  {
    gate: 'outside_schedule',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: ({ outsideSchedule: closed }) =>
      closed && { detail: `outside its schedule (${closed.schedule})`, until: closed.opensAt },
  },
  {
    gate: 'cooldown',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: (f) => until(f.cooldownUntil, f.now, 'cooling down after the last action'),
  },
  {
    gate: 'backoff',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: (f) => until(f.backoffUntil, f.now, 'backing off after a failed attempt'),
  },
  {
    gate: 'rate_limited',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: (f) =>
      until(
        rateLimitedUntil(f.begun, f.perHour, f.now),
        f.now,
        `the policy acted ${f.perHour ?? 0} times on it within an hour, which is all it may`,
      ),
  },
  {
    gate: 'attempts_exhausted',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: (f) =>
      because(
        f.maxAttempts === null || f.attempts < f.maxAttempts
          ? null
          : `${f.attempts} of ${f.maxAttempts} attempts of this episode are used; it ends once the resource was quiet for a cooldown`,
      ),
  },
  {
    gate: 'breaker_open',
    scope: 'resource',
    passes: ['manual', 'force', 'notice'],
    check: ({ breaker, now }) =>
      breaker.kind === 'open'
        ? until(
            breaker.until,
            now,
            `the last ${breaker.failures} actions of the policy failed; then one at a time is tried`,
          )
        : null,
  },
  {
    gate: 'flapping',
    scope: 'resource',
    passes: ['manual', 'force'],
    check: (f) =>
      until(
        flappingUntil(f.edges, f.now),
        f.now,
        'the condition changed more than 6 times within 10 min',
      ),
  },
  {
    gate: 'not_actionable',
    scope: 'resource',
    passes: ['notice'],
    check: ({ notActionable }) => because(notActionable),
  },
  {
    gate: 'target_busy',
    scope: 'resource',
    passes: ['notice'],
    check: ({ busyWith }) =>
      because(busyWith === null ? null : `action ${busyWith} is working on the same target`),
  },
  {
    gate: 'max_concurrent',
    scope: 'others',
    passes: ['force', 'notice'],
    check: (f) => policySlotsHold(f) ?? slotsHold(f.groups),
  },
  {
    gate: 'blast_radius',
    scope: 'others',
    passes: ['force', 'notice'],
    check: (f) => blastHold(f.groups, f.target),
  },
  {
    gate: 'storm',
    scope: 'others',
    passes: ['force', 'notice'],
    check: (f) => stormHold(f.groups, f.now),
  },
  {
    gate: 'dependency_down',
    scope: 'others',
    passes: ['manual', 'force', 'notice'],
    check: ({ dependency }) =>
      because(dependency && `${dependency.resource}, which it needs, ${dependency.why}`),
  },
  {
    gate: 'host_away',
    scope: 'others',
    passes: ['notice'],
    check: ({ hostAway }) => because(hostAway),
  },
  {
    gate: 'control_plane_degraded',
    scope: 'others',
    passes: ['manual', 'force', 'notice'],
    check: ({ degraded }) => because(degraded),
  },
];

/** A breaker that is half open lets one action at a time through. */
function policySlotsHold({ breaker, acting, maxConcurrent }: GateFacts): Held {
  if (breaker.kind === 'half_open' && acting > 0) {
    return because(`after ${breaker.failures} failures the policy tries one action at a time`);
  }
  if (maxConcurrent === null || acting < maxConcurrent) return null;
  return because(`${acting} of at most ${maxConcurrent} targets of the policy are being acted on`);
}

/** The first gate of that scope that holds, or null. */
export function firstHold(facts: GateFacts, scope: GateScope): Hold | null {
  const passes = new Set([
    ...(facts.isManual ? ['manual'] : []),
    ...(facts.isForced ? ['force'] : []),
    ...(facts.isNotice ? ['notice'] : []),
  ]);
  for (const row of TABLE) {
    if (row.scope !== scope || row.passes.some((way) => passes.has(way))) continue;
    const hold = row.check(facts);
    if (hold !== null) return { gate: row.gate, ...hold };
  }
  return null;
}
