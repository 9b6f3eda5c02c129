import type { Outcome } from './action';

/**
 * A policy's circuit breaker, over all its targets: so many failures in a row open it, for a while
 * nothing is started, then one action at a time is tried until enough have succeeded. Epoch ms.
 */
export interface Breaker {
  /** Failed, inconclusive or rolled back, in a row. */
  failures: number;
  /** Of those tried while half open. */
  successes: number;
  /** Null: closed. */
  openedAt: number | null;
}

export interface BreakerLimits {
  failures: number;
  successes: number;
  openMs: number;
}

export const BREAKER_LIMITS: BreakerLimits = { failures: 5, successes: 3, openMs: 60_000 };

export const CLOSED_BREAKER: Breaker = { failures: 0, successes: 0, openedAt: null };

const EFFECT: Partial<Record<Outcome, 'success' | 'failure'>> = {
  succeeded: 'success',
  failed: 'failure',
  inconclusive: 'failure',
  rolled_back: 'failure',
};

/** The breaker after an action was recorded at `now`; what had no effect in the world changes nothing. */
export function afterRecorded(
  breaker: Breaker,
  outcome: Outcome,
  now: number,
  limits: BreakerLimits = BREAKER_LIMITS,
): Breaker {
  const effect = EFFECT[outcome];
  if (effect === undefined) return breaker;
  if (effect === 'failure') {
    const failures = breaker.failures + 1;
    const opens = breaker.openedAt !== null || failures >= limits.failures;
    return { failures, successes: 0, openedAt: opens ? now : null };
  }
  if (breaker.openedAt === null) return CLOSED_BREAKER;
  const successes = breaker.successes + 1;
  return successes >= limits.successes ? CLOSED_BREAKER : { ...breaker, successes };
}

export type BreakerState =
  | { kind: 'closed' }
  | { kind: 'open'; until: number; failures: number }
  /** One at a time. */
  | { kind: 'half_open'; failures: number };

export function breakerState(
  { openedAt, failures }: Breaker,
  now: number,
  limits: BreakerLimits = BREAKER_LIMITS,
): BreakerState {
  if (openedAt === null) return { kind: 'closed' };
  const until = openedAt + limits.openMs;
  return now < until ? { kind: 'open', until, failures } : { kind: 'half_open', failures };
}
