/** Checks of a sample's fields, by hand: a schema library costs a fifth of the throughput here. */

export type Checked<T> = { ok: true; value: T } | { ok: false; message: string };

const METRIC = /^[A-Za-z_:][A-Za-z0-9_:./-]*$/;
const TAG = /^[A-Za-z_][A-Za-z0-9_./-]*$/;
/** Control characters and lone surrogates: PostgreSQL refuses some, terminals suffer from the rest. */
const UNPRINTABLE = /\p{Cc}|\p{Cs}/u;
const MAX_NAME = 200;
const MAX_TAG = 100;
const MAX_VALUE = 500;

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function refused(message: string): { ok: false; message: string } {
  return { ok: false, message };
}

export function checkMetricName(given: unknown): Checked<string> {
  return checkText(given, { max: MAX_NAME, pattern: METRIC });
}

export function checkSource(given: unknown): Checked<string> {
  return checkText(given, { max: MAX_TAG, pattern: null });
}

/** Null: the tag's name is fine. */
export function tagNameProblem(name: string): string | null {
  const checked = checkText(name, { max: MAX_TAG, pattern: TAG });
  return checked.ok ? null : `the tag's name ${checked.message}`;
}

/** Null: the tag's value is fine. */
export function tagValueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return `must be a string, not ${kindOf(value)}`;
  return textProblem(value, MAX_VALUE);
}

function checkText(given: unknown, rule: { max: number; pattern: RegExp | null }): Checked<string> {
  if (given === undefined) return refused('is missing');
  if (typeof given !== 'string') return refused(`must be a string, not ${kindOf(given)}`);
  if (given.trim() === '') return refused('is blank');
  const problem = textProblem(given, rule.max);
  if (problem !== null) return refused(problem);
  if (rule.pattern !== null && !rule.pattern.test(given)) {
    return refused('may have letters, digits and _ . / - only, and starts with a letter or _');
  }
  return { ok: true, value: given };
}

function textProblem(text: string, max: number): string | null {
  if (text.length > max) return `is longer than ${max} characters`;
  if (text.includes('\0')) return 'contains a NUL character';
  return UNPRINTABLE.test(text) ? 'contains a control character or half a surrogate pair' : null;
}

export function checkValue(given: unknown): Checked<number> {
  if (typeof given === 'number' && Number.isFinite(given)) return { ok: true, value: given };
  if (given === undefined) return refused('is missing');
  const shown = typeof given === 'number' || typeof given === 'string' ? given : kindOf(given);
  return refused(`must be a finite number, not ${String(shown).slice(0, 40)}`);
}

/** RFC 3339 with a zone, or integer epoch milliseconds → epoch ms. */
export function checkTimestamp(given: unknown): Checked<number> {
  if (typeof given === 'number' && Number.isSafeInteger(given)) return { ok: true, value: given };
  const ms = typeof given === 'string' ? parseRfc3339(given) : null;
  if (ms !== null) return { ok: true, value: ms };
  return refused('must be RFC 3339 with a zone, or integer epoch milliseconds');
}

/** Epoch ms, or null. Stricter than Date.parse, which takes February 30th and times without a zone. */
export function parseRfc3339(text: string): number | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0] = match.slice(1, 4).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const ms = Date.parse(text.toUpperCase().replace(' ', 'T'));
  return Number.isNaN(ms) ? null : ms;
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
