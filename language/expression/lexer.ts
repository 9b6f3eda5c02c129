import { parseDuration } from '../duration';

export type Token = { at: number; text: string } & (
  | { kind: 'name' | 'operator' | 'punctuation' | 'end' }
  | { kind: 'number'; value: number; isPercent: boolean }
  | { kind: 'duration'; durationMs: number }
  | { kind: 'string'; value: string }
);

/** One thing wrong with a condition; `at` is an offset in its text, from 0. */
export interface ExpressionProblem {
  at: number;
  message: string;
}

/** What the parser stops at; never leaves language/expression. */
export class ExpressionError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.name = 'ExpressionError';
    this.at = at;
  }
}

/** Words that name no metric, in any case. */
export const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'for']);

const BLANK = /\s*/y;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const DURATION = /(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+(?![a-zA-Z0-9_.])/y;
const OPERATOR = /[><=!]=|[><=]/y;
const PUNCTUATION = /[(){},]/y;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y;
const PERCENT = /[ \t]*%/y;
const WORD = /[\w.:%]*/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** What people write in other languages, and what to write here. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ['&&', 'write AND'],
  ['||', 'write OR'],
  ['<>', 'write !='],
  ['=~', 'regular expressions are not supported yet; write = or !='],
  ['!~', 'regular expressions are not supported yet; write = or !='],
  ['!=', ''],
  ['!', 'write NOT'],
  ['[', 'ranges like [5m] are not supported yet; write: for 5m'],
  ['+', 'arithmetic is not supported yet'],
  ['-', 'arithmetic is not supported yet'],
  ['*', 'arithmetic is not supported yet'],
  ['/', 'arithmetic is not supported yet'],
  ['"', 'this text has no closing quote'],
  ["'", 'this text has no closing quote'],
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
  refuseForeign(text, at);
  const name = match(NAME, text, at);
  if (name !== null) return nameToken(text, name, at);
  const duration = match(DURATION, text, at);
  if (duration !== null) return durationToken(duration, at);
  const number = match(NUMBER, text, at);
  if (number !== null) return numberToken(text, number, at);
  const operator = match(OPERATOR, text, at);
  if (operator !== null) return { kind: 'operator', at, text: operator };
  const punctuation = match(PUNCTUATION, text, at);
  if (punctuation !== null) return { kind: 'punctuation', at, text: punctuation };
  const string = match(STRING, text, at);
  if (string !== null) return { kind: 'string', at, text: string, value: unquote(string, at) };
  throw new ExpressionError(at, `unexpected character ${quoteCharacter(text, at)}`);
}

function quoteCharacter(text: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

function refuseForeign(text: string, at: number): void {
  if (match(NUMBER, text, at) !== null || match(STRING, text, at) !== null) return;
  const found = FOREIGN.find(([written]) => text.startsWith(written, at));
  if (found === undefined || found[1] === '') return;
  throw new ExpressionError(at, `unexpected ${found[0]}: ${found[1]}`);
}

function nameToken(text: string, name: string, at: number): Token {
  const isCall = text.startsWith('(', skip(text, at + name.length));
  if (isCall && !RESERVED.has(name.toLowerCase())) {
    throw new ExpressionError(at, `functions like ${name}(…) are not supported yet`);
  }
  return { kind: 'name', at, text: name };
}

function durationToken(text: string, at: number): Token {
  const durationMs = parseDuration(text);
  if (durationMs !== null) return { kind: 'duration', at, text, durationMs };
  throw new ExpressionError(at, `${text} is no whole number of milliseconds up to a year`);
}

function numberToken(text: string, number: string, at: number): Token {
  const percent = match(PERCENT, text, at + number.length) ?? '';
  const rest = percent === '' ? (match(WORD, text, at + number.length) ?? '') : '';
  if (rest !== '') {
    const hint = /^(s|m|h|d)/.exec(rest)?.[1];
    const remedy = hint === undefined ? 'a number or a duration such as 5m' : `${number}${hint}`;
    throw new ExpressionError(at, `"${number}${rest}" cannot be read; write ${remedy}`);
  }
  const value = Number(number);
  if (!Number.isFinite(value)) throw new ExpressionError(at, `${number} is too large`);
  return { kind: 'number', at, text: number + percent, value, isPercent: percent !== '' };
}

function unquote(quoted: string, at: number): string {
  const body = quoted.slice(1, -1);
  return body.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_all, code?: string, character = '') => {
    if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
    if (character === 'u') throw new ExpressionError(at, '\\u needs four hexadecimal digits');
    return ESCAPES[String(character)] ?? String(character);
  });
}
