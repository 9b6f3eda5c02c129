import { suggest } from '../problem';
import { found, isWord, type Cursor } from './cursor';
import { ExpressionError } from './errors';
import type { Token } from './lexer';
import type { Written } from './written';

/** Postfix words that Vigil's own language adds. */
const SUGAR = ['increasing', 'decreasing', 'is'];

/** What is wrong with a token that nothing read so far can be followed by. */
export function unexpected(cursor: Cursor, token: Token, before: Written): ExpressionError {
  return new ExpressionError(token.at, messageOf(cursor, token, before));
}

function messageOf(cursor: Cursor, token: Token, before: Written): string {
  const known = EXPLAINED.get(token.text.toLowerCase());
  if (known !== undefined && token.kind !== 'string') return known;
  if (isWord(token, 'and', 'or', 'unless') && isHeld(before)) {
    const word = token.text.toUpperCase();
    return `for covers everything before it; put its part in parentheses: (… for …) ${word} …`;
  }
  const isPromql = cursor.language === 'promql';
  if (isPromql && isWord(token, ...SUGAR)) {
    return `"${token.text}" is not PromQL; leave out language: promql to use it`;
  }
  if (token.kind === 'number' && endsInValue(before)) {
    return `expected >, >=, <, <=, == or != before ${token.text}`;
  }
  const wanted = isPromql ? 'an operator, for or the end' : 'AND, OR, for or the end';
  const hint = token.kind === 'name' ? suggest(token.text, WORDS) : '';
  return `expected ${wanted}, found ${found(token)}${hint}`;
}

const WORDS = ['AND', 'OR', 'for', 'unless', 'increasing', 'decreasing', 'is missing', 'offset'];

const EXPLAINED: ReadonlyMap<string, string> = new Map([
  [')', 'this ) was never opened'],
  ['[', 'a range belongs to a metric, as in x[5m]; subqueries are not supported yet'],
  ['@', '@ is not supported yet; write offset 5m to look back'],
  ['atan2', 'atan2 is not supported yet'],
  ['smoothed', 'smoothed is not supported yet'],
  ['anchored', 'anchored is not supported yet'],
  ['offset', 'offset belongs to a metric, as in rate(x[5m] offset 1h)'],
]);

function isHeld(written: Written): boolean {
  return written.kind === 'for' || written.kind === 'forAttempts';
}

/** Whether a comparison could follow. */
function endsInValue(written: Written): boolean {
  switch (written.kind) {
    case 'value':
    case 'group':
    case 'sign':
      return true;
    case 'binary':
      return written.op === 'and' || written.op === 'or' ? endsInValue(written.right) : false;
    case 'not':
      return endsInValue(written.operand);
    case 'for':
    case 'forAttempts':
    case 'trend':
    case 'missing':
      return false;
  }
}
