import { RE2JS } from 're2js';
import type { Matcher, Selector } from '../../domain/policy/ast';
import { parseDuration } from '../duration';
import { found, isPunctuation, isWord, peek, take, type Cursor } from './cursor';
import { ExpressionError } from './errors';
import type { Token } from './lexer';

/** Of all regular expressions of a condition: compiling them costs far more than reading them. */
const MAX_PATTERNS = 2000;

/** Reads what follows the name of a metric: `{…}`, `[5m]` and `offset 5m`, each if it is there. */
export function parseSelector(cursor: Cursor, name: Token): Selector {
  const selector: Selector = {
    kind: 'selector',
    at: name.at,
    metric: name.text,
    matchers: isPunctuation(peek(cursor), '{') ? parseMatchers(cursor) : [],
  };
  if (isPunctuation(peek(cursor), '[')) selector.rangeMs = parseRange(cursor);
  if (!isWord(peek(cursor), 'offset')) return selector;
  const offsetMs = parseOffset(cursor);
  if (offsetMs !== 0) selector.offsetMs = offsetMs;
  const next = peek(cursor);
  if (!isPunctuation(next, '[')) return selector;
  throw new ExpressionError(
    next.at,
    `write the range before the offset: ${name.text}[5m] offset …`,
  );
}

function parseMatchers(cursor: Cursor): Matcher[] {
  const matchers: Matcher[] = [];
  take(cursor);
  while (!isPunctuation(peek(cursor), '}')) {
    matchers.push(parseMatcher(cursor));
    if (!isPunctuation(peek(cursor), ',')) break;
    take(cursor);
  }
  const closing = take(cursor);
  if (isPunctuation(closing, '}')) return matchers;
  throw new ExpressionError(closing.at, 'expected , or } after a label');
}

function parseMatcher(cursor: Cursor): Matcher {
  const label = take(cursor);
  if (label.kind !== 'name' || label.text.includes(':')) {
    throw new ExpressionError(label.at, 'expected a label, as in {mount="/"}');
  }
  if (label.text === '__name__') {
    throw new ExpressionError(label.at, 'the metric stands before the {, as in up{job="a"}');
  }
  const written = take(cursor);
  const op = (['=', '!=', '=~', '!~'] as const).find((known) => known === written.text);
  if (op === undefined) {
    throw new ExpressionError(
      written.at,
      `expected =, !=, =~ or !~ after the label ${label.text}, found ${found(written)}`,
    );
  }
  const value = take(cursor);
  if (value.kind !== 'string') {
    throw new ExpressionError(value.at, `the value of ${label.text} needs quotes`);
  }
  if (op === '=~' || op === '!~') refuseBadPattern(cursor, value.value, value.at);
  return { label: label.text, op, value: value.value };
}

function refuseBadPattern(cursor: Cursor, pattern: string, at: number): void {
  cursor.patternLength += pattern.length;
  if (cursor.patternLength > MAX_PATTERNS) {
    const message = `more than ${MAX_PATTERNS} characters of regular expressions; split the policy`;
    throw new ExpressionError(at, message);
  }
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpressionError(
      at,
      `no regular expression of RE2: ${reason.replace(/^error parsing regexp: /, '')}`,
    );
  }
}

function parseRange(cursor: Cursor): number {
  take(cursor);
  const length = take(cursor);
  const rangeMs = durationOf(cursor, length, 'a range is written [5m]');
  if (rangeMs === 0) throw new ExpressionError(length.at, 'a range needs more than 0');
  const closing = take(cursor);
  if (isPunctuation(closing, ']')) return rangeMs;
  if (closing.text.startsWith(':')) {
    const message = 'subqueries like [1h:5m] are not supported yet; write a plain range: [1h]';
    throw new ExpressionError(closing.at, message);
  }
  throw new ExpressionError(closing.at, `expected ] after the range, found ${found(closing)}`);
}

function parseOffset(cursor: Cursor): number {
  take(cursor);
  const sign = peek(cursor);
  const isSigned = sign.kind === 'operator' && (sign.text === '-' || sign.text === '+');
  if (isSigned) take(cursor);
  if (sign.text === '-' && !cursor.allowsFuture) {
    throw new ExpressionError(
      sign.at,
      'a negative offset would read the future; write offset 5m to look back',
    );
  }
  const offsetMs = durationOf(cursor, take(cursor), 'an offset is written offset 5m');
  return sign.text === '-' ? -offsetMs : offsetMs;
}

/** PromQL takes a number for seconds; in Vigil's own language a unit is asked for. */
function durationOf(cursor: Cursor, token: Token, usage: string): number {
  if (token.kind === 'duration') return token.durationMs;
  if (token.kind !== 'number') {
    throw new ExpressionError(token.at, `${usage}, found ${found(token)}`);
  }
  const durationMs = cursor.language === 'promql' ? parseDuration(`${token.value}s`) : null;
  if (durationMs !== null) return durationMs;
  throw new ExpressionError(token.at, `${usage}: ${token.text} needs a unit, as in ${token.text}s`);
}
