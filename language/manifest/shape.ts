import { z } from 'zod';
import type { RuntimeCatalogue } from '../../domain/action/runtime';
import { formatDuration } from '../../domain/policy/duration';
import { parseDuration } from '../duration';
import { suggest } from '../problem';
import { fieldsAt } from './fields';
import type { Path, Place, SourceDocument } from './source';

/** What the compilers of the kinds share. */
export interface Context {
  /** How long samples are kept, in ms. */
  retentionMs: number;
  catalogue: readonly RuntimeCatalogue[];
  report: (path: Path, message: string, place?: Place) => void;
  /** What is allowed and most probably not meant. */
  warn: (path: Path, message: string, place?: Place) => void;
  writtenAs: SourceDocument['writtenAs'];
}

/** A field that is checked by hand, or not at all. */
export const anything = z.unknown().optional();

/** An optional section: without it, the defaults; left empty, a problem. */
export function given(section: unknown): unknown {
  return section === undefined ? {} : section;
}

/** The same context, and whether anything was reported through it. */
export function counted<C extends Context>(context: C): { context: C; isFaulty: () => boolean } {
  let isFaulty = false;
  const report: Context['report'] = (...problem) => {
    isFaulty = true;
    context.report(...problem);
  };
  return { context: { ...context, report }, isFaulty: () => isFaulty };
}

const AT_KEY: Place = { part: 'key' };

interface Checking {
  path: Path;
  context: Context;
  /** Fields beside those of the schema that could have been meant. */
  alsoKnown?: readonly string[];
}

/** Reads a mapping; reports every problem where it stands and answers null if there was one. */
export function check<S extends z.ZodObject>(
  schema: S,
  value: unknown,
  { path, context, alsoKnown = [] }: Checking,
): z.output<S> | null {
  if (value === undefined || value === null) {
    context.report(path, `${label(path)} is ${value === null ? 'empty' : 'missing'}`, AT_KEY);
    return null;
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues.flatMap((one) => meant(one, value))) {
    const at = [
      ...path,
      ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
    ];
    if (issue.code === 'unrecognized_keys') {
      const more = issue.path.length === 0 ? alsoKnown : [];
      reportUnknown(issue.keys, [...fieldsAt(schema, issue.path), ...more], { path: at, context });
    } else {
      reportFault(issue, valueAt(value, issue.path), { path: at, context });
    }
  }
  return null;
}

function reportUnknown(
  keys: readonly string[],
  known: readonly string[],
  { path, context }: Checking,
): void {
  for (const key of keys) {
    const hint = suggest(key, known) || knownFields(known);
    context.report([...path, key], `unknown field "${key}"${hint}`, AT_KEY);
  }
}

function reportFault(issue: z.core.$ZodIssue, given: unknown, { path, context }: Checking): void {
  if (given === undefined) context.report(path, `${label(path)} is missing`, AT_KEY);
  else context.report(path, `${label(path)} ${describe(issue, given)}`, { part: 'value' });
}

function knownFields(known: readonly string[]): string {
  return known.length === 0 ? '' : `; known: ${known.join(', ')}`;
}

/**
 * Where a mapping or a list may be written in several forms and only one of them is of that kind,
 * what is wrong inside of it says more than that no form fits.
 */
function meant(issue: z.core.$ZodIssue, whole: unknown): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const given = valueAt(whole, issue.path);
  if (typeof given !== 'object' || given === null) return [issue];
  const forms = issue.errors.filter(
    (faults) => !faults.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  const [form] = forms;
  if (form === undefined || forms.length > 1) return [issue];
  return form.flatMap((fault) => meant({ ...fault, path: [...issue.path, ...fault.path] }, whole));
}

function valueAt(whole: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((part, step) => partOf(part, step), whole);
}

function partOf(value: unknown, step: PropertyKey): unknown {
  return isRecord(value) || Array.isArray(value)
    ? (value as Record<PropertyKey, unknown>)[step]
    : undefined;
}

/** `"attempts"`, `"command[1]"`: the field as people call it. */
export function label(path: Path): string {
  const name = path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : step),
    'the document',
  );
  return path.length === 0 ? name : `"${name}"`;
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

function describe(issue: z.core.$ZodIssue, given: unknown): string {
  if (issue.code === 'invalid_type') {
    return `must be ${NOUNS[issue.expected] ?? issue.expected}, not ${printed(given)}`;
  }
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    const hint = typeof given === 'string' ? suggest(given, known) : '';
    return `must be ${known.join(' or ')}, not ${printed(given)}${hint}`;
  }
  return issue.message;
}

/** A value as people read it, cut to a line. */
export function printed(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    return nounOf(value);
  }
  return JSON.stringify(value).slice(0, 80);
}

function nounOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return NOUNS[typeof value] ?? typeof value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NAME = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/;
const MAX_NAME = 63;

/** A name that is safe in ids, keys and file names. */
export const nameField = z
  .string()
  .refine(
    (name) => name.length <= MAX_NAME && NAME.test(name),
    `must be at most ${MAX_NAME} lower-case letters, digits, ".", "_" or "-", with a letter or digit at both ends`,
  );

/** `500ms`, `5s`, `5m`, `1h` or whole milliseconds → milliseconds. */
export function durationField(options: { fallback: number; min?: number }): DurationField {
  return durationOrNull(options)
    .transform((ms) => ms ?? options.fallback)
    .meta({ ...DURATION, default: formatDuration(options.fallback) });
}

/** What an editor may know of it. */
const DURATION = {
  type: ['string', 'integer'],
  pattern: String.raw`^(\d+(\.\d+)?(ms|s|m|h|d|w|y))+$`,
  minimum: 0,
};

type DurationField = z.ZodType<number>;

/** The same without a default: null when it is not given. */
export function durationOrNull({ min = 0 }: { min?: number }): z.ZodType<number | null> {
  return z
    .unknown()
    .optional()
    .transform((given, context): number | null => {
      if (given === undefined) return null;
      const ms = typeof given === 'string' ? parseDuration(given) : wholeNumber(given);
      if (ms !== null && ms >= min) return ms;
      const message =
        ms === null
          ? `must be a duration such as 500ms, 5s, 5m or 1h, not ${printed(given)}`
          : `must be at least ${min}ms`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta(DURATION);
}

function wholeNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/**
 * A mapping to text; numbers and booleans become the text that was written. A number that would
 * read differently (1.10) is refused, because the manifest would silently say something else.
 */
export function textMap(value: unknown, path: Path, context: Context): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) {
    context.report(path, `${label(path)} must be a mapping, not ${nounOf(value)}`);
    return {};
  }
  const texts = Object.entries(value).map(
    ([key, part]) => [key, text(part, [...path, key], context)] as const,
  );
  return Object.fromEntries(texts);
}

/** Text, or a scalar taken as the text that was written. Reports anything else. */
export function text(value: unknown, path: Path, context: Context): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number' && typeof value !== 'boolean') {
    context.report(path, `${label(path)} must be text, not ${nounOf(value)}`);
    return '';
  }
  const written = context.writtenAs(path);
  if (written !== null && written !== String(value)) {
    context.report(
      path,
      `${label(path)} would be read as ${value}; put it in quotes: "${written}"`,
    );
  }
  return String(value);
}
