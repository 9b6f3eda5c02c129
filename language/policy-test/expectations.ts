import type { Observed } from './run-vigil';
import type { Expectation } from './vigil-file';

/** What does not hold of an expectation, field by field. */
export function mismatches(
  wanted: Expectation,
  observed: Observed,
): { expected: string; got: string }[] {
  const fields = ['verdict', 'phase', 'gate', 'action', 'actions', 'severity'] as const;
  const wrong = fields
    .filter((field) => wanted[field] !== undefined && wanted[field] !== observed[field])
    .map((field) => ({
      expected: `${field}: ${String(wanted[field])}`,
      got: `${field}: ${String(observed[field])}`,
    }));
  if (wanted.explain === undefined || wanted.explain.test(observed.explanation)) return wrong;
  const expected = `explain: ${String(wanted.explain)}`;
  return [...wrong, { expected, got: `explain: ${observed.explanation}` }];
}

/** Where the policy stands, in words. */
export function describeGot({ phase, gate, held, explanation }: Observed): string[] {
  const where = gate === null ? phase : `${phase}, held by ${gate}: ${held ?? ''}`;
  return [explanation, `phase ${where}`];
}
