import { backoffMs, BACKOFF_MS } from './backoff';
import type { Outcome } from './action';

/**
 * An episode of a policy on a resource lasts from firing until quiet: no true verdict for one
 * cooldown after the last action was recorded. Times are epoch ms.
 */
export interface Episode {
  episode: number;
  /** Actions of this episode that failed or stayed inconclusive; what succeeded uses none up. */
  attempts: number;
  /** Failed or inconclusive ones in a row. */
  failures: number;
  recordedAt: number | null;
  cooldownUntil: number | null;
  backoffUntil: number | null;
}

export const FIRST_EPISODE: Episode = {
  episode: 1,
  attempts: 0,
  failures: 0,
  recordedAt: null,
  cooldownUntil: null,
  backoffUntil: null,
};

/** The episode that a condition true since `since` belongs to: the present one, or a new one after quiet. */
export function episodeAt(
  present: Episode | null,
  seen: { since: number; clearedAt: number | null },
  cooldownMs: number,
): Episode {
  if (present === null) return FIRST_EPISODE;
  if (present.recordedAt === null) return present;
  const quietFrom = Math.max(present.recordedAt, seen.clearedAt ?? present.recordedAt);
  return seen.since - quietFrom >= cooldownMs
    ? { ...FIRST_EPISODE, episode: present.episode + 1 }
    : present;
}

/** What an outcome means for the episode. */
type Aftermath = 'cooldown' | 'decided' | 'backoff' | 'none';

const AFTERMATH: Readonly<Record<Outcome, Aftermath>> = {
  succeeded: 'cooldown',
  failed: 'backoff',
  inconclusive: 'backoff',
  rolled_back: 'backoff',
  // A dry run tells the story as it would go: it cools down like the real one.
  skipped: 'cooldown',
  // A no stands for one cooldown: asking again at once would ask for ever.
  rejected: 'decided',
  expired: 'decided',
  cancelled: 'none',
};

/** The episode after an action of it was recorded at `now`. */
export function afterOutcome(
  episode: Episode,
  outcome: Outcome,
  facts: { now: number; cooldownMs: number; backoff?: readonly number[]; isCalledOff?: boolean },
): Episode {
  const { now, cooldownMs, backoff = BACKOFF_MS, isCalledOff = false } = facts;
  // A person who calls it off means no, not "at once again".
  switch (isCalledOff ? 'decided' : AFTERMATH[outcome]) {
    case 'none':
      return episode;
    case 'decided':
      return { ...episode, recordedAt: now, cooldownUntil: now + cooldownMs };
    case 'cooldown':
      return {
        ...episode,
        failures: 0,
        recordedAt: now,
        cooldownUntil: now + cooldownMs,
        backoffUntil: null,
      };
    case 'backoff': {
      const failures = episode.failures + 1;
      return {
        ...episode,
        attempts: episode.attempts + 1,
        failures,
        recordedAt: now,
        cooldownUntil: null,
        backoffUntil: now + backoffMs(failures, backoff),
      };
    }
  }
}
