import { z } from 'zod';
import type { Condition } from '../../domain/policy/ast';
import { parseCondition } from '../expression/parser';
import { check, isRecord, label, printed, type Context } from './shape';
import type { Path } from './source';

const OPERATORS = { metric_exceeds: '>', metric_below: '<' } as const;

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

const conditionSchema = z.strictObject({
  type: z.enum(['metric_exceeds', 'metric_below']),
  metric: z.string().regex(METRIC, 'must be a metric name: letters, digits, _ and :'),
  threshold: z
    .union(
      [z.number(), z.string().regex(/^[+-]?\d+(\.\d+)?%?$/)],
      'must be a number or a percentage',
    )
    .transform(String),
  for: z
    .string('must be a duration such as 5m')
    .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a duration such as 5m')
    .optional(),
});

/** A condition as text or as `{ type, metric, threshold, for? }`; null after reporting what is wrong. */
export function compileCondition(value: unknown, path: Path, context: Context): Condition | null {
  if (value === undefined || value === null) {
    context.report(path, `${label(path)} is missing`, { part: 'key' });
    return null;
  }
  if (typeof value === 'string') return parsed(value, path, context, true);
  if (!isRecord(value)) {
    context.report(path, `${label(path)} must be text or a mapping, not ${printed(value)}`);
    return null;
  }
  const combined = ['all', 'any'].find((key) => key in value);
  if (combined !== undefined) {
    const message = `"${combined}" is not supported yet; join conditions with AND or OR in one text`;
    context.report([...path, combined], message, { part: 'key' });
    return null;
  }
  const data = check(conditionSchema, value, { path, context });
  if (data === null) return null;
  const held = data.for === undefined ? '' : ` for ${data.for}`;
  const text = `${data.metric} ${OPERATORS[data.type]} ${data.threshold}${held}`;
  return parsed(text, path, context, false);
}

function parsed(text: string, path: Path, context: Context, isWritten: boolean): Condition | null {
  const result = parseCondition(text);
  if (result.ok) return result.condition;
  for (const { at, message } of result.problems) {
    context.report(path, message, { part: 'value', ...(isWritten ? { offset: at } : {}) });
  }
  return null;
}
