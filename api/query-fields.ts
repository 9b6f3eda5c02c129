import { z } from 'zod';
import { duration } from '../platform/config-sections';
import type { TagMatcher } from '../storage/sample-queries';
import { checkTimestamp } from './ingest/fields';

/** A time in a query: RFC 3339 or epoch milliseconds → epoch ms. An unescaped `+` arrives as a space. */
export const timeField = z
  .string()
  .meta({ description: 'RFC 3339 with a zone, or epoch milliseconds' })
  .transform((text, context) => {
    const unescaped = text.replace(/ (?=\d\d:\d\d$)/, '+');
    const checked = checkTimestamp(/^\d+$/.test(text) ? Number(text) : unescaped);
    if (checked.ok) return checked.value;
    context.addIssue({ code: 'custom', message: checked.message });
    return z.NEVER;
  });

/** `k=v` or `k!=v`. */
const tagField = z.string().transform((text, context): TagMatcher => {
  const match = /^([^=!]+)(!?=)(.*)$/s.exec(text);
  if (match === null || text.includes('\0')) {
    context.addIssue({ code: 'custom', message: 'must be name=value or name!=value' });
    return z.NEVER;
  }
  const [, tag = '', operator, value = ''] = match;
  return { tag, value, isEqual: operator === '=' };
});

/** One or more `tag=k=v`. */
export const tagFields = z
  .union([tagField.transform((matcher) => [matcher]), z.array(tagField).max(64)])
  .default([])
  .meta({ description: 'name=value or name!=value; may be repeated', example: 'service=web' });

/** A length of time of at least a millisecond: `10s`. */
export const stepField = duration.refine((ms) => ms >= 1, 'must be at least 1ms');
