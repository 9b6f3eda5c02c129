import type { ValueExpression } from '../../domain/policy/ast';
import { instantValue } from '../../domain/policy/instant';
import { difference, parseGot, vigilAnswer, type Answer } from './answer';
import { windowsOf, type Dataset } from './dataset';
import { count } from './count';
import { exclusionOf } from './exclude';
import { askValues, inParallel, type Group, type Question, type Raw } from './promtool';

export interface ValueQuestion extends Question {
  expression: ValueExpression;
}

export interface ValueCase extends ValueQuestion {
  dataset: Dataset;
}

export interface Disagreement {
  of: ValueCase;
  expected: Answer;
  actual: Answer;
  difference: string;
}

export function vigilOf({ dataset, expression, atMs }: ValueCase): Answer {
  try {
    const series = windowsOf(dataset);
    return vigilAnswer(instantValue(expression, { series }, dataset.startMs + atMs));
  } catch (error) {
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

const ASKED_AGAIN = 5;

/**
 * Leaves out what promtool itself answers now so, now so: it meets the series in an order that
 * differs from run to run, and sums of huge and tiny values round and overflow by their order.
 */
export async function withoutUnstable(
  promtool: string,
  disagreements: readonly Disagreement[],
): Promise<Disagreement[]> {
  if (disagreements.length === 0) return [];
  const groups = disagreements.map(({ of }) => ({
    dataset: of.dataset,
    questions: Array.from({ length: ASKED_AGAIN }, () => of),
  }));
  // Each run loads the series anew, so the same run twice would prove nothing.
  const runs = await inParallel([1, 2, 3], () => askValues(promtool, groups));
  return disagreements.filter(({ expected, actual }, i) => {
    const answers = runs.flatMap((run) => run[i] ?? []).map((raw) => answerOf(raw));
    return answers.every(
      (answer) => difference(expected, answer) === null && difference(answer, actual) !== null,
    );
  });
}

export function answerOf(raw: Raw): Answer {
  return 'got' in raw ? parseGot(raw.got) : { kind: 'error', message: raw.error };
}

export interface Compared {
  agreed: number;
  disagreements: Disagreement[];
  /** Of those that agree: with any value at all. */
  withValues: number;
  /** promtool refused them, or takes what comes first: reason → how many. */
  excluded: Map<string, number>;
}

/** Both sides of every question. */
export async function compareValues(
  promtool: string,
  groups: readonly Group<ValueQuestion>[],
): Promise<Compared> {
  const raws = await askValues(promtool, groups);
  const compared: Compared = {
    agreed: 0,
    withValues: 0,
    disagreements: [],
    excluded: new Map(),
  };
  groups.forEach(({ dataset, questions }, g) => {
    questions.forEach((question, q) => {
      const raw = raws[g]?.[q];
      if (raw !== undefined) note(compared, { ...question, dataset }, raw);
    });
  });
  return compared;
}

function note(compared: Compared, of: ValueCase, raw: Raw): void {
  if ('error' in raw) {
    count(compared.excluded, reasonOf(raw.error));
    return;
  }
  const exclusion = exclusionOf(of);
  if (exclusion !== null) {
    count(compared.excluded, exclusion);
    return;
  }
  const expected = parseGot(raw.got);
  const actual = vigilOf(of);
  const found = difference(expected, actual);
  if (found !== null) {
    compared.disagreements.push({ of, expected, actual, difference: found });
    return;
  }
  compared.agreed += 1;
  if (expected.kind === 'vector' && expected.values.size > 0) compared.withValues += 1;
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/same labelset/, 'one label set twice in a result'],
  [
    /many-to-many|duplicate series|multiple matches/,
    'one label set twice on a side of an operator',
  ],
  [/Scalar value .* (under|over)flows|Parameter value is NaN/, 'a parameter that is no integer'],
];

export function reasonOf(error: string): string {
  return REASONS.find(([pattern]) => pattern.test(error))?.[1] ?? error;
}
