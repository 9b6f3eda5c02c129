import { beginsOperand, counted, isWord, nested, peek, take, type Cursor } from './cursor';
import { ExpressionError } from './errors';
import type { Token } from './lexer';
import { parseOperand } from './operand';
import { isSugar, parseFor, parseSugar } from './sugar';
import type { BinaryOperator, Written } from './written';

/** Binding powers, as Prometheus has them; NOT and the words of sugar.ts bind like a comparison. */
const COMPARISON = 3;
const POWER: ReadonlyMap<BinaryOperator, number> = new Map([
  ['or', 1],
  ['and', 2],
  ['unless', 2],
  ...(['>', '>=', '<', '<=', '==', '!='] as const).map((op) => [op, COMPARISON] as const),
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 5],
  ['^', 6],
]);

/** Binds to the right, and tighter than a sign: -1^2 is -(1^2). */
const EXPONENT = 6;

/** Terms joined by operators, then any number of `for`: at the end, or inside parentheses. */
export function parseGroup(cursor: Cursor): Written {
  let written = parseJoined(cursor, 0);
  while (isWord(peek(cursor), 'for')) written = parseFor(cursor, written);
  return written;
}

/** Everything that binds at least as tightly as that. */
function parseJoined(cursor: Cursor, power: number): Written {
  let left = parsePrefixed(cursor);
  for (;;) {
    const joined = parseNext(cursor, left, power);
    if (joined === null) return left;
    left = joined;
  }
}

function parsePrefixed(cursor: Cursor): Written {
  const token = peek(cursor);
  if (isWord(token, 'not')) return parseNot(cursor, token);
  const sign = (['+', '-'] as const).find((one) => one === token.text);
  if (token.kind !== 'operator' || sign === undefined) return parseOperand(cursor, parseGroup);
  take(cursor);
  const operand = nested(cursor, token, () => parseJoined(cursor, EXPONENT));
  return counted(cursor, { kind: 'sign', at: token.at, sign, operand });
}

function parseNot(cursor: Cursor, token: Token): Written {
  if (cursor.language === 'promql') {
    const message = 'NOT is not PromQL; write a unless b, or leave out language: promql';
    throw new ExpressionError(token.at, message);
  }
  take(cursor);
  const operand = nested(cursor, token, () => parseJoined(cursor, COMPARISON));
  return counted(cursor, { kind: 'not', at: token.at, wordAt: token.at, operand });
}

/** Joins what was read with what follows; null when that binds less tightly. */
function parseNext(cursor: Cursor, left: Written, power: number): Written | null {
  if (isSugar(cursor)) return power <= COMPARISON ? parseSugar(cursor, left) : null;
  const token = peek(cursor);
  const op = operatorOf(token);
  if (op === null) return null;
  const own = POWER.get(op) ?? 0;
  if (own < power) return null;
  take(cursor);
  const isBool = own === COMPARISON && takeBool(cursor);
  const right =
    own === EXPONENT
      ? nested(cursor, token, () => parseJoined(cursor, own))
      : parseJoined(cursor, own + 1);
  return counted<Written>(cursor, {
    kind: 'binary',
    at: left.at,
    op,
    opAt: token.at,
    isBool,
    left,
    right,
  });
}

function operatorOf(token: Token): BinaryOperator | null {
  if (token.kind !== 'operator' && token.kind !== 'name') return null;
  if (token.text === '=') throw new ExpressionError(token.at, 'write == to compare');
  if (token.text === '=~' || token.text === '!~') {
    const message = `${token.text} compares labels, as in up{job${token.text}"a.*"}`;
    throw new ExpressionError(token.at, message);
  }
  const text = token.text.toLowerCase();
  return [...POWER.keys()].find((op) => op === text) ?? null;
}

/** `bool` is a word of its own only when an operand follows, so that a metric may have that name. */
function takeBool(cursor: Cursor): boolean {
  if (!isWord(peek(cursor), 'bool') || !beginsOperand(peek(cursor, 1))) return false;
  if (peek(cursor, 1).text === '{') return false;
  take(cursor);
  return true;
}
