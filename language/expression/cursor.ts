import type { ConditionLanguage } from '../../domain/policy/ast';
import { ExpressionError } from './errors';
import { tokenize, type Token } from './lexer';

/** Longer than any condition a person can read; keeps hostile input cheap. */
const MAX_LENGTH = 10_000;
const MAX_DEPTH = 100;
/** Operators, calls and words such as NOT and `for` together. */
const MAX_PARTS = 500;

export interface Dialect {
  language: ConditionLanguage;
  /** Whether `offset -5m` is read; only tests of rules look into the future. */
  allowsFuture: boolean;
}

/** Where reading stands. */
export interface Cursor extends Dialect {
  tokens: readonly Token[];
  index: number;
  depth: number;
  parts: number;
  /** Characters of all regular expressions so far. */
  patternLength: number;
}

/** Throws ExpressionError before looking at a text that is too long. */
export function createCursor(text: string, dialect: Dialect): Cursor {
  if (text.length > MAX_LENGTH) {
    throw new ExpressionError(0, `longer than ${MAX_LENGTH} characters`);
  }
  return { ...dialect, tokens: tokenize(text), index: 0, depth: 0, parts: 0, patternLength: 0 };
}

/** The token `ahead` places further on; behind the last one is the end. */
export function peek({ tokens, index }: Cursor, ahead = 0): Token {
  return tokens[index + ahead] ?? { kind: 'end', at: tokens.at(-1)?.at ?? 0, text: '' };
}

/** The next token; the end is never passed. */
export function take(cursor: Cursor): Token {
  const token = peek(cursor);
  if (token.kind !== 'end') cursor.index += 1;
  return token;
}

export function isPunctuation(token: Token, text: string): boolean {
  return token.kind === 'punctuation' && token.text === text;
}

/** Words are the same in any case. */
export function isWord(token: Token, ...words: string[]): boolean {
  return token.kind === 'name' && words.includes(token.text.toLowerCase());
}

/** Words that name no metric, in any case. */
const RESERVED = ['and', 'or', 'not', 'for', 'unless'];

export function isReserved(token: Token): boolean {
  return isWord(token, ...RESERVED);
}

/** Whether a value may begin with it. */
export function beginsOperand(token: Token): boolean {
  switch (token.kind) {
    case 'name':
      return !isReserved(token);
    case 'number':
    case 'duration':
    case 'string':
      return true;
    case 'operator':
      return token.text === '+' || token.text === '-';
    case 'punctuation':
      return token.text === '(' || token.text === '{';
    case 'end':
      return false;
  }
}

/** As it is named in a message. */
export function found(token: Token): string {
  return token.kind === 'end' ? 'the end' : token.text;
}

/** Reads what stands one level deeper. */
export function nested<T>(cursor: Cursor, token: Token, read: () => T): T {
  cursor.depth += 1;
  if (cursor.depth > MAX_DEPTH) {
    throw new ExpressionError(token.at, `nested deeper than ${MAX_DEPTH} levels`);
  }
  const inner = read();
  cursor.depth -= 1;
  return inner;
}

/** Counts one part of the text. */
export function counted<T extends { at: number }>(cursor: Cursor, part: T): T {
  cursor.parts += 1;
  if (cursor.parts <= MAX_PARTS) return part;
  throw new ExpressionError(part.at, `more than ${MAX_PARTS} parts; split the policy`);
}
