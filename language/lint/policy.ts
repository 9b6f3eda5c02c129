import type { Condition, Expression } from '../../domain/policy/ast';
import { formatDuration } from '../../domain/policy/duration';
import { NOTIFY, type Policy } from '../../domain/policy/policy';
import { readingOf } from '../../domain/policy/reading';
import { childrenOf, expressionsOf } from '../../domain/policy/selectors';
import { foregone, regionOf, type Region } from './holds';

/** What the checker finds in a policy that can be read; `field` is where, `at` an offset in its text. */
export interface Finding {
  severity: 'error' | 'warning';
  field: 'condition' | 'clear';
  at: number;
  message: string;
}

export interface LintOptions {
  /** How long samples are kept. */
  retentionMs: number;
}

type Linted = Pick<Policy, 'condition' | 'grades' | 'verify' | 'steps'>;

/** Conditions that no sample can decide, that can never clear, or that look at more than is kept. */
export function lintPolicy(policy: Linted, options: LintOptions): Finding[] {
  const { condition } = policy;
  return [
    ...foregoneFindings(condition),
    ...contradictions(condition.expression),
    ...clearFindings(condition),
    ...counterFindings(condition),
    ...retentionFindings(policy, options),
    ...verifyFindings(policy),
  ];
}

function foregoneFindings({ expression, clear }: Condition): Finding[] {
  const findings: Finding[] = [];
  const verdict = foregone(expression);
  if (verdict !== null) {
    const { kind, at, why } = verdict;
    findings.push({ severity: 'error', field: 'condition', at, message: `${kind} holds: ${why}` });
  }
  const cleared = clear === undefined ? null : foregone(clear);
  if (cleared?.kind === 'never') {
    const message = `the policy can never clear: ${cleared.why}`;
    findings.push({ severity: 'error', field: 'clear', at: cleared.at, message });
  }
  return findings;
}

/** `x > 5 AND x < 3` holds only where two series of that name say it together. */
function contradictions(expression: Expression): Finding[] {
  const regions = andRegions(expression);
  return regions.flatMap((a, i) =>
    regions.slice(i + 1).flatMap((b): Finding[] => {
      const isApart = a.measured === b.measured && (a.max < b.min || b.max < a.min);
      const message = `no value of ${a.measured} satisfies both; with several series, one could satisfy each`;
      return isApart ? [{ severity: 'warning', field: 'condition', at: b.at, message }] : [];
    }),
  );
}

function andRegions(expression: Expression): Region[] {
  if (expression.kind === 'and') {
    return [...andRegions(expression.left), ...andRegions(expression.right)];
  }
  const region = regionOf(expression);
  return region === null ? [] : [region];
}

/** What clears it must not be what makes it fire. */
function clearFindings({ expression, clear }: Condition): Finding[] {
  if (clear === undefined) return [];
  const [wrong, fine] = [regionOf(expression), regionOf(clear)];
  if (wrong === null || fine?.measured !== wrong.measured) return [];
  const isInside = lies(fine, wrong);
  if (isInside) {
    const message = `the policy can never clear: whatever satisfies clear satisfies the condition, too`;
    return [{ severity: 'error', field: 'clear', at: fine.at, message }];
  }
  const overlaps = fine.min < wrong.max && wrong.min < fine.max;
  const message = `overlaps with the condition, which then wins: there is no hysteresis`;
  return overlaps ? [{ severity: 'warning', field: 'clear', at: fine.at, message }] : [];
}

/** Whether every value of the one is a value of the other. */
function lies(inner: Region, outer: Region): boolean {
  const isWithin = inner.min >= outer.min && inner.max <= outer.max;
  const touches = inner.min === outer.min || inner.max === outer.max;
  const isAtOpenEnd = outer.isOpen && !inner.isOpen && touches;
  return isWithin && !isAtOpenEnd;
}

/** A counter only grows: once above a limit it stays there. */
function counterFindings({ expression, clear }: Condition): Finding[] {
  if (clear !== undefined) return [];
  return leaves(expression).flatMap((leaf): Finding[] => {
    const region = regionOf(leaf);
    const isCounter = region !== null && /^\w+_total(\{.*\})?$/.test(region.measured);
    if (!isCounter || region.max !== Infinity) return [];
    const message = `${region.measured} only grows, so this does not clear before it starts anew; write increase(${region.measured}[5m])`;
    return [{ severity: 'warning', field: 'condition', at: region.at, message }];
  });
}

function leaves(expression: Expression): Expression[] {
  if (expression.kind === 'and' || expression.kind === 'or') {
    return [...leaves(expression.left), ...leaves(expression.right)];
  }
  const isHeld = expression.kind === 'for' || expression.kind === 'forAttempts';
  return isHeld ? leaves(expression.operand) : [expression];
}

function retentionFindings(policy: Linted, { retentionMs }: LintOptions): Finding[] {
  const { lookbackMs } = readingOf(policy);
  if (lookbackMs <= retentionMs) return [];
  const message = `looks back ${days(lookbackMs)}, and samples are kept for ${days(retentionMs)} (api.retention)`;
  return [{ severity: 'error', field: 'condition', at: 0, message }];
}

function days(ms: number): string {
  return `${Math.round((ms / 86_400_000) * 10) / 10} days`;
}

/** A trend cannot be seen anew before its window has passed. */
function verifyFindings({ condition, verify, steps }: Linted): Finding[] {
  const isActing = steps.some(({ action }) => action !== NOTIFY);
  if (condition.clear !== undefined || !isActing) return [];
  const [trend] = expressionsOf(condition).flatMap(trends);
  if (trend === undefined || trend.durationMs <= verify.withinMs) return [];
  const message = `after an action a trend over ${formatDuration(trend.durationMs)} cannot be judged within ${formatDuration(verify.withinMs)} (verify.within): say with "clear" what is well again`;
  return [{ severity: 'warning', field: 'condition', at: trend.at, message }];
}

function trends(node: Parameters<typeof childrenOf>[0]): Extract<Expression, { kind: 'trend' }>[] {
  return node.kind === 'trend' ? [node] : childrenOf(node).flatMap(trends);
}
