import { z } from 'zod';
import type { Condition, ConditionLanguage, Expression } from '../../domain/policy/ast';
import type { Policy, Severity } from '../../domain/policy/policy';
import { checksumOf } from '../canonical';
import { hashExpression } from '../expression/parser';
import { compileCondition } from './condition';
import { anything, check, type Context } from './shape';
import type { Path } from './source';

interface Fields {
  missing: 'hold' | 'healthy' | 'firing';
  keepFiringFor: number;
}

interface Place {
  path: Path;
  context: Context;
  language: ConditionLanguage;
}

/** The condition with what clears it, what no data means, and how long it is kept; null after reporting. */
export function compileWhole(
  raw: Readonly<Record<string, unknown>>,
  fields: Fields | null,
  { path, context, language }: Place,
): Condition | null {
  const condition = compileCondition(raw['condition'], [...path, 'condition'], context, language);
  const isCleared = raw['clear'] !== undefined;
  const clear = isCleared
    ? compileCondition(raw['clear'], [...path, 'clear'], context, language)
    : null;
  if (condition === null || fields === null || (isCleared && clear === null)) return null;
  if (language === 'promql' && fields.missing !== 'hold') {
    const message =
      'with "language": promql no data is an empty result, which is false; write or absent(…)';
    context.report([...path, 'missing'], message);
    return null;
  }
  return extended(condition, clear === null ? null : wholeOf(clear), fields);
}

function extended(
  condition: Condition,
  clear: Expression | null,
  { missing, keepFiringFor }: Fields,
): Condition {
  const extras: Pick<Condition, 'clear' | 'missing' | 'keepFiringMs'> = {
    ...(clear === null ? {} : { clear }),
    ...(missing === 'hold' ? {} : { missing }),
    ...(keepFiringFor === 0 ? {} : { keepFiringMs: keepFiringFor }),
  };
  if (Object.keys(extras).length === 0) return condition;
  const clearHash = clear === null ? null : hashExpression(clear);
  const hash = checksumOf({ ...extras, clear: clearHash, expression: condition.hash });
  return { ...condition, ...extras, hash };
}

/** A condition with its trailing `for`, as one expression. */
function wholeOf({ expression, forMs }: Condition): Expression {
  return forMs === 0
    ? expression
    : { kind: 'for', at: expression.at, operand: expression, durationMs: forMs };
}

export const severityWord = z.enum(['info', 'warning', 'critical']);

const severitySchema = z.strictObject({ severity: severityWord.default('warning') });

export const gradeSchema = z.strictObject({ severity: severityWord, condition: anything });

/** `severity: warning`, or `[{ severity: critical, condition: … }, …]` of which the first that holds counts. */
export function compileSeverity(
  value: unknown,
  path: Path,
  { context, language }: { context: Context; language: ConditionLanguage },
): Pick<Policy, 'severity' | 'grades'> | null {
  if (!Array.isArray(value)) {
    const data = check(severitySchema, { severity: value }, { path, context });
    return data && { severity: data.severity };
  }
  const at = [...path, 'severity'];
  if (value.length === 0) {
    context.report(at, '"severity" must be a word, or a list of at least one grade');
    return null;
  }
  const grades = value.map((entry: unknown, i) =>
    compileGrade(entry, i === value.length - 1, { path: [...at, i], context, language }),
  );
  if (grades.includes(null)) return null;
  const held = grades.flatMap((grade) =>
    grade?.expression ? [{ severity: grade.severity, expression: grade.expression }] : [],
  );
  const last = grades.at(-1);
  const severity = last?.expression === null ? last.severity : 'warning';
  return held.length === 0 ? { severity } : { severity, grades: held };
}

/** Only the last grade may say nothing of when: it is the severity where no other holds. */
function compileGrade(
  entry: unknown,
  isLast: boolean,
  { path, context, language }: Place,
): { severity: Severity; expression: Expression | null } | null {
  const data = check(gradeSchema, entry, { path, context });
  if (data === null) return null;
  const { severity, condition } = data;
  if (isLast && condition === undefined) return { severity, expression: null };
  const found = compileCondition(condition, [...path, 'condition'], context, language);
  return found && { severity, expression: wholeOf(found) };
}
