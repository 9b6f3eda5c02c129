import type { HeldLabelSet, PreviousVerdict } from '../domain/policy/evaluate';
import type { PolicyRevision } from '../domain/policy/policy';
import { readingOf } from '../domain/policy/reading';
import type { Selector } from '../domain/policy/ast';
import type { Resource } from '../domain/resource';
import type { StoredVerdict } from '../storage/verdicts';

/** A policy and one of its targets, with what the detector remembers of them. */
export interface Pair {
  resource: Resource;
  policy: PolicyRevision;
  /** What the condition reads. */
  metrics: readonly string[];
  /** Selectors that read series of other resources, too. */
  foreign: readonly Selector[];
  /** Interval of the health check, where the condition is about it; null: the series' own. */
  intervalMs: number | null;
  lookbackMs: number;
  /** The row in the table; null: none yet. */
  stored: StoredVerdict | null;
  /** Where the next evaluation goes on; null: with what the windows show. */
  previous: PreviousVerdict | null;
  /** Timestamp of the oldest sample that came since the last look, epoch ms; Infinity: none did. */
  seenFrom: number;
  /** The label sets that hysteresis keeps true; undefined: nobody knows (yet). */
  held: readonly HeldLabelSet[] | undefined;
  /** Epoch ms when it turned from true or false to unknown; null: it did not, or is known again. */
  unknownAt: number | null;
  /** Its condition cannot be evaluated; said once. */
  isBroken: boolean;
  /** The resource or the policy is gone. */
  isGone: boolean;
}

/** Samples up to this much late still count. */
const RECONSIDER_MS = 60_000;

/** It is not known what came since: the next look reconsiders all that may still have counted. */
export function reconsider(pair: Pair, now: number): void {
  pair.seenFrom = Math.min(pair.seenFrom, now - RECONSIDER_MS);
}

export function pairKey(resource: string, policy: string): string {
  return `${resource} ${policy}`;
}

/** What follows from resource and policy alone. */
function pairReading(
  resource: Resource,
  { policy }: PolicyRevision,
): Pick<Pair, 'metrics' | 'foreign' | 'intervalMs' | 'lookbackMs'> {
  const { metrics } = readingOf(policy);
  const isHealthCheck = metrics.some((metric) => metric.startsWith('http_'));
  const intervalMs = isHealthCheck ? (resource.spec?.healthCheck?.intervalMs ?? null) : null;
  return { ...readingOf(policy, { intervalMs }), intervalMs };
}

/** A pair of which nothing is remembered. */
export function freshPair(resource: Resource, policy: PolicyRevision): Pair {
  return {
    resource,
    policy,
    ...pairReading(resource, policy),
    stored: null,
    previous: null,
    seenFrom: Infinity,
    held: undefined,
    unknownAt: null,
    isBroken: false,
    isGone: false,
  };
}
