import { lookbackMs, type PreviousVerdict } from '../domain/policy/evaluate';
import type { PolicyRevision } from '../domain/policy/policy';
import { selectorsOf } from '../domain/policy/series';
import type { Resource } from '../domain/resource';
import type { StoredVerdict } from '../storage/verdicts';

/** A policy and one of its targets, with what the detector remembers of them. */
export interface Pair {
  resource: Resource;
  policy: PolicyRevision;
  /** What the condition reads. */
  metrics: readonly string[];
  /** Interval of the health check, where the condition is about it; null: the series' own. */
  intervalMs: number | null;
  lookbackMs: number;
  /** The row in the table; null: none yet. */
  stored: StoredVerdict | null;
  /** Where the next evaluation goes on; null: with what the windows show. */
  previous: PreviousVerdict | null;
  /** Epoch ms when it turned from true or false to unknown; null: it did not, or is known again. */
  unknownAt: number | null;
  /** Its condition cannot be evaluated; said once. */
  isBroken: boolean;
  /** The resource or the policy is gone. */
  isGone: boolean;
}

export function pairKey(resource: string, policy: string): string {
  return `${resource} ${policy}`;
}

/** What follows from resource and policy alone. */
export function readingOf(
  resource: Resource,
  { policy }: PolicyRevision,
): Pick<Pair, 'metrics' | 'intervalMs' | 'lookbackMs'> {
  const metrics = [...new Set(selectorsOf(policy.condition.expression).map((s) => s.metric))];
  const isHealthCheck = metrics.some((metric) => metric.startsWith('http_'));
  const intervalMs = isHealthCheck ? (resource.spec?.healthCheck?.intervalMs ?? null) : null;
  return { metrics, intervalMs, lookbackMs: lookbackMs(policy.condition, { intervalMs }) };
}
