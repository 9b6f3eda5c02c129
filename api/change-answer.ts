import { z } from 'zod';
import type { Attribution, Change } from '../domain/drift/change';
import { sentenceOf } from '../domain/drift/describe';
import { SEVERITIES } from '../domain/policy/policy';
import { timeAnswer, toTimeOrNull } from './times';

export const attributionAnswer = z
  .object({
    from: z.string().describe('who told: `event` of the engine, `file`, `git`'),
    by: z.string().nullable(),
    at: timeAnswer.nullable(),
    what: z.string(),
  })
  .describe('who or what made it so; null: nobody knows');

export const changeAnswer = z.object({
  pointer: z.string(),
  kind: z.string(),
  desired: z.unknown(),
  observed: z.unknown(),
  severity: z.enum(SEVERITIES),
  sentence: z.string(),
  attribution: attributionAnswer.nullable(),
});

export function toChangeAnswer(change: Change): z.output<typeof changeAnswer> {
  const { pointer, kind, desired, observed, severity } = change;
  return {
    ...{ pointer, kind, desired, observed, severity },
    sentence: sentenceOf(change),
    attribution: toAttributionAnswer(change.attribution),
  };
}

export function toAttributionAnswer(
  given: Attribution | null | undefined,
): z.output<typeof attributionAnswer> | null {
  return given ? { ...given, at: toTimeOrNull(given.at) } : null;
}
