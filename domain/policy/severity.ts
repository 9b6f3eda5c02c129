import { assess, type EvaluationInput } from './evaluate';
import type { Policy, Severity } from './policy';

/** How severe a true verdict is: the first grade that holds, else the policy's own severity. */
export function severityOf(
  { severity, grades = [] }: Pick<Policy, 'severity' | 'grades'>,
  input: Omit<EvaluationInput, 'previous'>,
): Severity {
  const held = grades.find(
    ({ expression }) =>
      assess({ expression, forMs: 0 }, { ...input, previous: null }).verdict === 'true',
  );
  return held?.severity ?? severity;
}
