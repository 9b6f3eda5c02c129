import { parseDuration } from '../duration';
import { ExpressionError } from './errors';
import { unquote } from './strings';

export type Token = { at: number; text: string } & (
  | { kind: 'name' | 'operator' | 'punctuation' | 'end' }
  | { kind: 'number'; value: number }
  | { kind: 'duration'; durationMs: number }
  | { kind: 'string'; value: string }
);

// Each of these is linear: no two ways to match the same text.
const BLANK = /(?:\s|#[^\n]*)*/y;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const DURATION = /(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y))+(?![a-zA-Z0-9_.])/y;
const OPERATOR = /=~|!~|[><=!]=|[><=+\-*/%^]/y;
const STRING = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|`[^`]*`/y;
const WORD = /[\w.]*/y;

const PUNCTUATION = '(){}[],@';
const QUOTES = '"\'`';

/** What people write in other languages, and what to write here. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/&&/y, 'write AND'],
  [/\|\|/y, 'write OR'],
  [/<>/y, 'write !='],
  [/\*\*/y, 'write ^'],
  [/!(?![=~])/y, 'write NOT'],
];

/** Splits a condition into tokens; the last is `end`. Throws ExpressionError. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = skip(text, 0);
  while (at < text.length) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at = skip(text, at + token.text.length);
  }
  tokens.push({ kind: 'end', at: text.length, text: '' });
  return tokens;
}

function skip(text: string, at: number): number {
  return at + (match(BLANK, text, at)?.length ?? 0);
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

function tokenAt(text: string, at: number): Token {
  const character = text.charAt(at);
  if (/[\d.]/.test(character)) return amountToken(text, at);
  if (QUOTES.includes(character)) return stringToken(text, at);
  if (PUNCTUATION.includes(character)) return { kind: 'punctuation', at, text: character };
  const name = match(NAME, text, at);
  if (name !== null) return { kind: 'name', at, text: name };
  refuseForeign(text, at);
  const operator = match(OPERATOR, text, at);
  if (operator !== null) return { kind: 'operator', at, text: operator };
  throw unexpectedCharacter(text, at);
}

function unexpectedCharacter(text: string, at: number): ExpressionError {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return new ExpressionError(at, `unexpected character ${JSON.stringify(character)}`);
}

function refuseForeign(text: string, at: number): void {
  for (const [pattern, remedy] of FOREIGN) {
    const written = match(pattern, text, at);
    if (written !== null) throw new ExpressionError(at, `unexpected ${written}: ${remedy}`);
  }
}

/** A number or a duration. */
function amountToken(text: string, at: number): Token {
  const duration = match(DURATION, text, at);
  if (duration !== null) return durationToken(duration, at);
  const number = match(NUMBER, text, at);
  if (number === null) throw unexpectedCharacter(text, at);
  const rest = match(WORD, text, at + number.length) ?? '';
  if (rest !== '') {
    const unit = /^(ms|s|m|h|d|w|y)/.exec(rest)?.[1];
    const remedy = unit === undefined ? 'a number or a duration such as 5m' : `${number}${unit}`;
    throw new ExpressionError(at, `"${number}${rest}" cannot be read; write ${remedy}`);
  }
  const value = Number(number);
  if (!Number.isFinite(value)) throw new ExpressionError(at, `${number} is too large`);
  return { kind: 'number', at, text: number, value };
}

function durationToken(text: string, at: number): Token {
  const durationMs = parseDuration(text);
  if (durationMs !== null) return { kind: 'duration', at, text, durationMs };
  throw new ExpressionError(at, `${text} is no whole number of milliseconds up to a year`);
}

function stringToken(text: string, at: number): Token {
  const quoted = match(STRING, text, at);
  if (quoted !== null) return { kind: 'string', at, text: quoted, value: unquote(quoted, at) };
  throw new ExpressionError(at, `unexpected ${text.charAt(at)}: this text has no closing quote`);
}
