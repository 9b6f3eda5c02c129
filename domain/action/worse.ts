import { severityRank, type Grade, type Severity } from '../policy/policy';
import type { SeriesWindow } from '../policy/series';
import { severityOf } from '../policy/severity';

/** What tells a fix that does not help from one that does harm. */
export interface WorseFacts {
  /** Of the policy, and how severe it was when the action was asked for; absent: nothing is graded. */
  grading?: { severity: Severity; grades: readonly Grade[]; asked: Severity };
  /** Other policies on the resource that fire since the step began, as severe or more. */
  others?: readonly string[];
  series: readonly SeriesWindow[];
  /** Database clock, epoch ms. */
  stepEndedAt: number;
}

/**
 * Why the resource is worse off than before the step; null when it is not.
 *
 * @param fresh what is judged now
 * @param isTrueAt timestamp of the newest sample, when the condition is still true there
 */
export function worseThan(
  facts: WorseFacts,
  fresh: readonly SeriesWindow[],
  isTrueAt: number | null,
): string | null {
  const { grading, others = [] } = facts;
  if (others.length > 0) return `${others.join(', ')} fires since`;
  if (grading === undefined || grading.grades.length === 0 || isTrueAt === null) return null;
  const before = severityBefore(facts, grading);
  const now = severityAt(grading, fresh, isTrueAt);
  return severityRank(now) < severityRank(before) ? `${now} now, ${before} before` : null;
}

type Grading = NonNullable<WorseFacts['grading']>;

/** At the step's end, or at the request: a step that began late is not to blame for what came before it. */
function severityBefore({ series, stepEndedAt }: WorseFacts, grading: Grading): Severity {
  const known = series.map((one) => ({
    ...one,
    samples: one.samples.filter(({ receivedAt }) => receivedAt <= stepEndedAt),
  }));
  const before = severityAt(grading, known, stepEndedAt);
  return severityRank(before) < severityRank(grading.asked) ? before : grading.asked;
}

function severityAt(
  { severity, grades }: Grading,
  series: readonly SeriesWindow[],
  now: number,
): Severity {
  return severityOf({ severity, grades: [...grades] }, { series, now, intervalMs: null });
}
