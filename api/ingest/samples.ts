import type { NewSample } from '../../storage/samples';
import type { Problem } from '../problems';
import {
  checkMetricName,
  checkSource,
  checkTimestamp,
  checkValue,
  kindOf,
  tagNameProblem,
  tagValueProblem,
  type Checked,
} from './fields';

export interface SampleRules {
  /** Epoch ms. */
  now: number;
  /** Samples in one request. */
  maxBatch: number;
  /** Older samples are refused, in ms. */
  retentionMs: number;
}

export const DEFAULT_SOURCE = 'api';
export const MAX_AHEAD_MS = 5 * 60_000;
const MAX_TAGS = 64;
const FIELDS = new Set(['name', 'value', 'tags', 'labels', 'timestamp', 'source']);

/** Names a field's problem; what it is the problem of is known by the caller. */
type Report = (field: string, message: string) => void;

/** One sample or an array of them → samples, or every problem with its index and field. */
export function parseSamples(
  body: unknown,
  rules: SampleRules,
): { samples: NewSample[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const samples: NewSample[] = [];
  if (!Array.isArray(body)) {
    const sample = parseSample(body, rules, (field, message) => problems.push({ field, message }));
    if (sample !== null) samples.push(sample);
    return { samples, problems };
  }
  const sizeProblem = batchProblem(body.length, rules.maxBatch);
  if (sizeProblem !== null) return { samples, problems: [{ field: '', message: sizeProblem }] };
  body.forEach((item: unknown, index) => {
    const sample = parseSample(item, rules, (field, message) =>
      problems.push({ index, field, message }),
    );
    if (sample !== null) samples.push(sample);
  });
  return { samples, problems };
}

function batchProblem(length: number, maxBatch: number): string | null {
  if (length === 0) return 'the array is empty';
  return length > maxBatch
    ? `${length} samples in one request; at most ${maxBatch} are taken, send several requests`
    : null;
}

/** Null when there is a problem. */
function parseSample(item: unknown, rules: SampleRules, report: Report): NewSample | null {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    report('', `a sample must be an object, not ${kindOf(item)}`);
    return null;
  }
  const given = item as Record<string, unknown>;
  for (const field in given) if (!FIELDS.has(field)) report(field.slice(0, 100), 'unknown field');
  const name = take('name', checkMetricName(given['name']), report);
  const value = take('value', checkValue(given['value']), report);
  const ts = parseTimestamp(given['timestamp'], rules, report);
  const source = parseSource(given['source'], report);
  const tags = parseTags(given, report);
  if (name === null || value === null || ts === null || source === null || tags === null)
    return null;
  return { name, value, ts, source, tags };
}

function take<T>(field: string, checked: Checked<T>, report: Report): T | null {
  if (checked.ok) return checked.value;
  report(field, checked.message);
  return null;
}

function parseTimestamp(given: unknown, rules: SampleRules, report: Report): number | null {
  if (given === undefined) return rules.now;
  const ts = take('timestamp', checkTimestamp(given), report);
  if (ts === null) return null;
  if (ts > rules.now + MAX_AHEAD_MS) {
    report('timestamp', 'is more than 5 minutes ahead');
    return null;
  }
  if (ts < rules.now - rules.retentionMs) {
    const days = Math.round((rules.retentionMs / 86_400_000) * 10) / 10;
    report('timestamp', `is older than the retention of ${days} days (epoch is in milliseconds)`);
    return null;
  }
  return ts;
}

function parseSource(given: unknown, report: Report): string | null {
  return given === undefined ? DEFAULT_SOURCE : take('source', checkSource(given), report);
}

/** `labels` is another word for `tags`; a tag with an empty value is no tag. */
function parseTags(sample: Record<string, unknown>, report: Report): Record<string, string> | null {
  const field = sample['labels'] === undefined ? 'tags' : 'labels';
  const given = sample[field] ?? {};
  if (field === 'labels' && sample['tags'] !== undefined) {
    report('labels', 'is another word for tags: send one of them');
    return null;
  }
  if (typeof given !== 'object' || Array.isArray(given) || sample[field] === null) {
    report(field, `must map names to strings, not be ${kindOf(sample[field])}`);
    return null;
  }
  return copyTags(given as Record<string, unknown>, field, report);
}

function copyTags(
  given: Record<string, unknown>,
  field: string,
  report: Report,
): Record<string, string> | null {
  const tags: Record<string, string> = {};
  let count = 0;
  let isFine = true;
  for (const tag in given) {
    const value = given[tag];
    const problem = tagNameProblem(tag) ?? tagValueProblem(value);
    if (problem !== null) {
      report(`${field}.${tag.slice(0, 100)}`, problem);
      isFine = false;
    } else if (value !== '') {
      tags[tag] = value as string;
      count++;
    }
  }
  if (count <= MAX_TAGS) return isFine ? tags : null;
  report(field, `has ${count} tags; at most ${MAX_TAGS} are taken`);
  return null;
}
