import type { Condition, Expression, ValueExpression } from './ast';
import { childrenOf, expressionsOf } from './selectors';
import { DEFAULT_STALENESS_MS } from './series';

/** Samples of series without a known interval are taken to be at most this far apart. */
const ASSUMED_INTERVAL_MS = 60_000;

export interface LookbackOptions {
  intervalMs?: number | null;
  stalenessMs?: number;
}

/**
 * How much history, in milliseconds back from now, an evaluation needs to say the verdict and
 * whether it has held for the trailing `for`.
 */
export function lookbackMs(
  condition: Pick<Condition, 'expression' | 'forMs' | 'clear' | 'keepFiringMs'>,
  { intervalMs = null, stalenessMs = DEFAULT_STALENESS_MS }: LookbackOptions = {},
): number {
  const { forMs, keepFiringMs = 0 } = condition;
  const depths = expressionsOf(condition).map((part) =>
    depthMs(part, intervalMs ?? ASSUMED_INTERVAL_MS),
  );
  return stalenessMs + forMs + keepFiringMs + Math.max(...depths);
}

function depthMs(node: Expression | ValueExpression, intervalMs: number): number {
  const below = Math.max(0, ...childrenOf(node).map((child) => depthMs(child, intervalMs)));
  return ownMs(node, intervalMs) + below;
}

function ownMs(node: Expression | ValueExpression, intervalMs: number): number {
  if (node.kind === 'selector') return (node.rangeMs ?? 0) + Math.max(0, node.offsetMs ?? 0);
  if (node.kind === 'forAttempts') return 2 * node.attempts * intervalMs;
  return 'durationMs' in node ? node.durationMs : 0;
}
