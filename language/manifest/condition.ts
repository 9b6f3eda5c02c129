import { z } from 'zod';
import type { Condition, ConditionLanguage } from '../../domain/policy/ast';
import { parseDuration } from '../duration';
import { parseCondition } from '../expression/parser';
import { check, isRecord, label, printed, type Context } from './shape';
import type { Path } from './source';

const OPERATORS = { metric_exceeds: '>', metric_below: '<' } as const;
const JOINS = { all: 'AND', any: 'OR' } as const;

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

const HELD_MESSAGE = 'must be a duration such as 5m or 1h30m';

const held = z
  .string(HELD_MESSAGE)
  .refine((text) => parseDuration(text) !== null, HELD_MESSAGE)
  .optional();

export const conditionSchema = z.strictObject({
  type: z.enum(['metric_exceeds', 'metric_below']),
  metric: z.string().regex(METRIC, 'must be a metric name: letters, digits, _ and :'),
  threshold: z
    .union(
      [z.number(), z.string().regex(/^[+-]?\d+(\.\d+)?%?$/)],
      'must be a number or a percentage',
    )
    .transform(String),
  for: held,
});

export const listSchema = { all: listOf('all'), any: listOf('any') };

function listOf(key: 'all' | 'any') {
  return z.strictObject({
    [key]: z.array(z.unknown()).min(1, 'must be a list of at least one condition'),
    for: held,
  });
}

/**
 * A condition as text, as `{ type, metric, threshold, for? }`, or as `{ all: […], for? }` and
 * `{ any: […], for? }` of these; null after reporting what is wrong.
 */
export function compileCondition(
  value: unknown,
  path: Path,
  context: Context,
  language: ConditionLanguage = 'vigil',
): Condition | null {
  if (typeof value === 'string') return parsed(value, { path, context, language, isWritten: true });
  const text = textOf(value, path, context);
  if (text === null) return null;
  if (language === 'promql') {
    context.report(path, 'with "language": promql the condition must be text');
    return null;
  }
  return parsed(text, { path, context, language, isWritten: false });
}

/** The same condition in the language's own words; null after reporting what is wrong. */
function textOf(value: unknown, path: Path, context: Context): string | null {
  if (value === undefined || value === null) {
    context.report(path, `${label(path)} is missing`, { part: 'key' });
    return null;
  }
  if (typeof value === 'string') {
    const found = parsed(value, { path, context, language: 'vigil', isWritten: true });
    return found?.text ?? null;
  }
  if (!isRecord(value)) {
    context.report(path, `${label(path)} must be text or a mapping, not ${printed(value)}`);
    return null;
  }
  const joined = (['all', 'any'] as const).find((key) => key in value);
  if (joined !== undefined) return joinedText(value, joined, { path, context });
  const data = check(conditionSchema, value, { path, context, alsoKnown: Object.keys(JOINS) });
  if (data === null) return null;
  return `${data.metric} ${OPERATORS[data.type]} ${data.threshold}${heldText(data.for)}`;
}

function joinedText(
  value: Readonly<Record<string, unknown>>,
  key: 'all' | 'any',
  { path, context }: { path: Path; context: Context },
): string | null {
  const data = check(listSchema[key], value, { path, context });
  const parts = data?.[key];
  if (!Array.isArray(parts)) return null;
  const texts = parts.map((part: unknown, i) => textOf(part, [...path, key, i], context));
  if (texts.includes(null)) return null;
  const whole = texts.map((text) => `(${text ?? ''})`).join(` ${JOINS[key]} `);
  const duration = data?.['for'];
  return duration === undefined ? whole : `(${whole})${heldText(String(duration))}`;
}

function heldText(duration: string | undefined): string {
  return duration === undefined ? '' : ` for ${duration}`;
}

interface Parsing {
  path: Path;
  context: Context;
  language: ConditionLanguage;
  /** The text stands in the manifest as it is, so that offsets in it are places there. */
  isWritten: boolean;
}

function parsed(text: string, { path, context, language, isWritten }: Parsing): Condition | null {
  const result = parseCondition(text, { language });
  if (result.ok) return result.condition;
  for (const { at, message } of result.problems) {
    context.report(path, message, { part: 'value', ...(isWritten ? { offset: at } : {}) });
  }
  return null;
}
