import type { Aggregate, NumberLiteral, ValueExpression } from '../../domain/policy/ast';
import { AGGREGATIONS, SIGNATURES } from '../../domain/policy/functions/signatures';
import { suggest } from '../problem';
import {
  beginsOperand,
  counted,
  found,
  isPunctuation,
  isReserved,
  isWord,
  nested,
  peek,
  take,
  type Cursor,
} from './cursor';
import { ExpressionError } from './errors';
import type { Token } from './lexer';
import { parseSelector } from './selector';
import { checkAggregate, checkArguments } from './types';
import { unexpected } from './unexpected';
import { unsupported } from './unsupported';
import { toValue } from './value';
import type { Written } from './written';

/** Reads everything up to a closing parenthesis or a comma. */
type ReadGroup = (cursor: Cursor) => Written;

/** Reads a number, a metric, a call or a parenthesis. Throws ExpressionError. */
export function parseOperand(cursor: Cursor, readGroup: ReadGroup): Written {
  const token = take(cursor);
  if (isPunctuation(token, '(')) return parseGroup(cursor, token, readGroup);
  const value = parseValue(cursor, token, readGroup);
  return { kind: 'value', at: value.at, value };
}

function parseValue(cursor: Cursor, token: Token, readGroup: ReadGroup): ValueExpression {
  if (token.kind === 'number') return numberOf(cursor, token.value, token);
  if (token.kind === 'duration') return seconds(cursor, token.durationMs, token);
  if (token.kind === 'name' && !isReserved(token)) {
    if (isPunctuation(peek(cursor), '(')) return parseCall(cursor, token, readGroup);
    const op = aggregationOf(token);
    if (op !== undefined && isGrouping(cursor)) {
      return parseAggregate(cursor, { token, op, readGroup });
    }
    return specialNumber(token) ?? parseSelector(cursor, token);
  }
  throw new ExpressionError(token.at, noValue(cursor, token));
}

function noValue(cursor: Cursor, token: Token): string {
  if (isPunctuation(token, '{')) {
    return peek(cursor).kind === 'string'
      ? 'names of metrics in quotes are not supported yet; write a name of letters, digits, _ and :'
      : 'a selector must name its metric before the {, as in up{job="a"}';
  }
  if (token.kind === 'string') return 'a text is no value; texts stand in {label="…"}';
  return `expected a metric or a number, found ${found(token)}`;
}

function parseGroup(cursor: Cursor, opening: Token, readGroup: ReadGroup): Written {
  const inner = nested(cursor, opening, () => readGroup(cursor));
  const closing = peek(cursor);
  if (closing.kind === 'end') throw new ExpressionError(opening.at, 'this ( is never closed');
  if (!isPunctuation(closing, ')')) throw unexpected(cursor, closing, inner);
  take(cursor);
  return { kind: 'group', at: inner.at, inner };
}

function numberOf(cursor: Cursor, value: number, token: Token): NumberLiteral {
  const isPromql = cursor.language === 'promql';
  if (isPromql && /^0[0-7]*[1-7][0-7]*$/.test(token.text)) {
    const message = `PromQL reads ${token.text} as octal; write ${parseInt(token.text, 8)}`;
    throw new ExpressionError(token.at, message);
  }
  const isPercent = !isPromql && isPercentage(cursor, token);
  if (isPercent) take(cursor);
  return { kind: 'number', at: token.at, value, isPercent };
}

/**
 * Whether the `%` behind a number makes it a percentage. It does when no operand follows. Where one
 * does, `80%3`, `80 % x` and `10 % -3` are remainders; `80% - 3` and the mistake `80% fro 5m` are not.
 */
function isPercentage(cursor: Cursor, number: Token): boolean {
  const percent = peek(cursor);
  if (percent.kind !== 'operator' || percent.text !== '%') return false;
  const next = peek(cursor, 1);
  if (!beginsOperand(next)) return true;
  const isTouching = (left: Token, right: Token): boolean =>
    left.at + left.text.length === right.at;
  if (!isTouching(number, percent) || isTouching(percent, next)) return false;
  return next.kind === 'operator'
    ? !isTouching(next, peek(cursor, 2))
    : next.kind !== 'punctuation';
}

/** PromQL reads a duration as its seconds. */
function seconds(cursor: Cursor, durationMs: number, token: Token): NumberLiteral {
  const value = durationMs / 1000;
  if (cursor.language === 'promql')
    return { kind: 'number', at: token.at, value, isPercent: false };
  const message = `expected a metric or a number, found ${token.text}; write ${value} for seconds`;
  throw new ExpressionError(token.at, message);
}

function specialNumber({ at, text }: Token): NumberLiteral | null {
  const special = (['Inf', 'NaN'] as const).find((one) => one.toLowerCase() === text.toLowerCase());
  if (special === undefined) return null;
  return { kind: 'number', at, value: 0, isPercent: false, special };
}

function aggregationOf({ text }: Token): Aggregate['op'] | undefined {
  const name = text.toLowerCase();
  return Object.hasOwn(AGGREGATIONS, name) ? (name as Aggregate['op']) : undefined;
}

/** A name before `(`. */
function parseCall(cursor: Cursor, token: Token, readGroup: ReadGroup): ValueExpression {
  const { at, text: name } = token;
  const op = aggregationOf(token);
  if (op !== undefined) return parseAggregate(cursor, { token, op, readGroup });
  if (!Object.hasOwn(SIGNATURES, name)) {
    const known = [...Object.keys(SIGNATURES), ...Object.keys(AGGREGATIONS)];
    const message = unsupported(name) ?? `there is no function ${name}${suggest(name, known)}`;
    throw new ExpressionError(at, message);
  }
  const { args, closingAt } = parseArguments(cursor, readGroup);
  checkArguments(name, args, closingAt);
  return counted(cursor, { kind: 'call', at, function: name, args });
}

function parseArguments(
  cursor: Cursor,
  readGroup: ReadGroup,
): { args: ValueExpression[]; closingAt: number } {
  const opening = take(cursor);
  const args: ValueExpression[] = [];
  if (isPunctuation(peek(cursor), ')')) return { args, closingAt: take(cursor).at };
  for (;;) {
    const written = nested(cursor, opening, () => readGroup(cursor));
    args.push(toValue(written));
    const next = peek(cursor);
    if (next.kind === 'end') throw new ExpressionError(opening.at, 'this ( is never closed');
    const isLast = isPunctuation(next, ')');
    if (!isLast && !isPunctuation(next, ',')) throw unexpected(cursor, next, written);
    take(cursor);
    if (isLast) return { args, closingAt: next.at };
  }
}

function parseAggregate(
  cursor: Cursor,
  { token, op, readGroup }: { token: Token; op: Aggregate['op']; readGroup: ReadGroup },
): Aggregate {
  const before = parseGrouping(cursor);
  if (!isPunctuation(peek(cursor), '(')) {
    const next = peek(cursor);
    throw new ExpressionError(next.at, `expected ( with what to aggregate, found ${found(next)}`);
  }
  const { args, closingAt } = parseArguments(cursor, readGroup);
  checkAggregate(op, args, closingAt);
  const again = peek(cursor);
  const after = parseGrouping(cursor);
  if (before !== undefined && after !== undefined) {
    throw new ExpressionError(again.at, `${op} is grouped twice; write by or without once`);
  }
  const grouping = before ?? after;
  const [first, second] = args as [ValueExpression, ValueExpression | undefined];
  return counted(cursor, {
    kind: 'aggregate',
    at: token.at,
    op,
    operand: second ?? first,
    ...(second === undefined ? {} : { parameter: first }),
    ...(grouping === undefined ? {} : { grouping }),
  });
}

function isGrouping(cursor: Cursor): boolean {
  return isWord(peek(cursor), 'by', 'without');
}

function parseGrouping(cursor: Cursor): Aggregate['grouping'] {
  if (!isGrouping(cursor)) return undefined;
  const mode = isWord(take(cursor), 'by') ? 'by' : 'without';
  const opening = take(cursor);
  if (!isPunctuation(opening, '(')) {
    throw new ExpressionError(opening.at, `labels stand in parentheses, as in ${mode} (host)`);
  }
  const labels: string[] = [];
  while (!isPunctuation(peek(cursor), ')')) {
    const label = take(cursor);
    if (label.kind !== 'name' || label.text.includes(':')) {
      throw new ExpressionError(label.at, `expected a label, as in ${mode} (host)`);
    }
    labels.push(label.text);
    if (!isPunctuation(peek(cursor), ',')) break;
    take(cursor);
  }
  const closing = take(cursor);
  if (isPunctuation(closing, ')')) return { mode, labels };
  throw new ExpressionError(closing.at, 'expected , or ) after a label');
}
