import type { Selector } from '../../domain/policy/ast';
import { counted, found, isWord, peek, take, type Cursor } from './cursor';
import { ExpressionError } from './errors';
import type { Token } from './lexer';
import type { Written } from './written';

/** How long a series must be silent before `is missing` without a duration says so: the staleness. */
const MISSING_MS = 300_000;

const MAX_ATTEMPTS = 1000;

/** `for 5m` or `for 3 attempts` behind a group; stands at `for`. */
export function parseFor(cursor: Cursor, operand: Written): Written {
  const wordAt = take(cursor).at;
  const amount = take(cursor);
  const { at } = operand;
  if (amount.kind === 'duration') {
    const durationMs = positive(amount.durationMs, amount);
    return counted(cursor, { kind: 'for', at, wordAt, operand, durationMs });
  }
  if (cursor.language === 'promql') {
    throw new ExpressionError(
      amount.at,
      `for needs a duration, as in for 5m; found ${found(amount)}`,
    );
  }
  if (amount.kind !== 'number') {
    throw new ExpressionError(
      amount.at,
      'for needs a duration or attempts: for 5m, for 3 attempts',
    );
  }
  const { text, value } = amount;
  if (!isWord(take(cursor), 'attempts', 'attempt')) {
    throw new ExpressionError(
      amount.at,
      `for ${text} needs a unit: for ${text}s, for ${text}m, for ${text} attempts`,
    );
  }
  if (!Number.isInteger(value) || value < 1 || value > MAX_ATTEMPTS) {
    throw new ExpressionError(amount.at, `attempts are a whole number from 1 to ${MAX_ATTEMPTS}`);
  }
  return counted(cursor, { kind: 'forAttempts', at, wordAt, operand, attempts: value });
}

/** Whether a postfix word of Vigil's own language stands here. */
export function isSugar(cursor: Cursor): boolean {
  const token = peek(cursor);
  return cursor.language === 'vigil' && isWord(token, 'increasing', 'decreasing', 'is');
}

/** `x increasing for 30m`, `x is missing for 2m`: here `for` belongs to the word before it. */
export function parseSugar(cursor: Cursor, left: Written): Written {
  const word = take(cursor);
  const operand = instantSelector(left, word);
  const { at } = operand;
  const wordAt = word.at;
  if (isWord(word, 'is')) {
    const missing = take(cursor);
    if (!isWord(missing, 'missing')) {
      throw new ExpressionError(missing.at, `expected missing after is, found ${found(missing)}`);
    }
    const durationMs = ownDuration(cursor) ?? MISSING_MS;
    return counted(cursor, { kind: 'missing', at, wordAt, operand, durationMs });
  }
  const direction = isWord(word, 'increasing') ? 'increasing' : 'decreasing';
  const durationMs = ownDuration(cursor);
  if (durationMs === null) {
    const message = `${direction} needs its window, as in ${direction} for 30m`;
    throw new ExpressionError(peek(cursor).at, message);
  }
  return counted(cursor, { kind: 'trend', at, wordAt, operand, direction, durationMs });
}

function instantSelector(left: Written, word: Token): Selector {
  const inner = left.kind === 'group' ? left.inner : left;
  const value = inner.kind === 'value' ? inner.value : null;
  if (value?.kind === 'selector' && value.rangeMs === undefined) return value;
  const text = isWord(word, 'is') ? 'is missing' : word.text.toLowerCase();
  throw new ExpressionError(word.at, `${text} needs a plain metric before it, as in x ${text}`);
}

/** The duration of `for D`; null, with nothing taken, when something else stands here. */
function ownDuration(cursor: Cursor): number | null {
  const amount = peek(cursor, 1);
  if (!isWord(peek(cursor), 'for') || amount.kind !== 'duration') return null;
  take(cursor);
  take(cursor);
  return positive(amount.durationMs, amount);
}

function positive(durationMs: number, amount: Token): number {
  if (durationMs > 0) return durationMs;
  throw new ExpressionError(amount.at, 'for needs more than 0');
}
