import type {
  Comparison,
  Condition,
  Expression,
  Matcher,
  Selector,
  ValueExpression,
} from '../../domain/policy/ast';
import { checksumOf } from '../canonical';
import { suggest } from '../problem';
import { ExpressionError, RESERVED, tokenize, type ExpressionProblem, type Token } from './lexer';
import { refuseMeaningless } from './units';

/** Longer than any condition a person can read; keeps hostile input cheap. */
const MAX_LENGTH = 10_000;
const MAX_DEPTH = 100;
/** Comparisons, AND, OR, NOT and `for` together. */
const MAX_NODES = 500;

const COMPARISONS: readonly string[] = ['>', '>=', '<', '<=', '==', '!='];

/** Binding powers; NOT binds tighter than both, `for` looser. */
const POWER = { or: 1, and: 2, not: 3 } as const;

export type ParsedCondition =
  { ok: true; condition: Condition } | { ok: false; problems: ExpressionProblem[] };

interface State {
  tokens: Token[];
  index: number;
  depth: number;
  nodes: number;
}

/**
 * Reads a condition. An outermost `for D` becomes `forMs`. Never throws: what is wrong comes
 * back with its offset in the text.
 */
export function parseCondition(text: string): ParsedCondition {
  try {
    const whole = parseExpression(text);
    const isHeld = whole.kind === 'for';
    const expression = isHeld ? whole.operand : whole;
    const forMs = isHeld ? whole.durationMs : 0;
    return { ok: true, condition: { text, expression, forMs, hash: hashExpression(expression) } };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { ok: false, problems: [{ at: error.at, message: error.message }] };
  }
}

/** SHA-256 (hex) of the expression without positions. */
export function hashExpression(expression: Expression): string {
  return checksumOf(
    JSON.parse(
      JSON.stringify(expression, (key, value: unknown) => (key === 'at' ? undefined : value)),
    ),
  );
}

function parseExpression(text: string): Expression {
  if (text.length > MAX_LENGTH) {
    throw new ExpressionError(0, `longer than ${MAX_LENGTH} characters`);
  }
  const state: State = { tokens: tokenize(text), index: 0, depth: 0, nodes: 0 };
  if (peek(state).kind === 'end') throw new ExpressionError(0, 'the condition is empty');
  const expression = parseGroup(state);
  const rest = peek(state);
  if (rest.kind !== 'end') throw unexpected(rest, expression);
  return expression;
}

/** Terms joined by AND and OR, then any number of `for`: at the end, or inside parentheses. */
function parseGroup(state: State): Expression {
  let expression = parseJoined(state, 0);
  while (isKeyword(peek(state), 'for')) expression = parseFor(state, expression);
  return expression;
}

function parseJoined(state: State, power: number): Expression {
  let left = parseTerm(state);
  for (;;) {
    const kind = (['and', 'or'] as const).find((word) => isKeyword(peek(state), word));
    if (kind === undefined || POWER[kind] <= power) return left;
    take(state);
    const right = parseJoined(state, POWER[kind]);
    left = node(state, { kind, at: left.at, left, right });
  }
}

function parseTerm(state: State): Expression {
  const token = peek(state);
  if (isKeyword(token, 'not')) {
    take(state);
    const operand = nested(state, token, () => parseJoined(state, POWER.not));
    return node(state, { kind: 'not', at: token.at, operand });
  }
  if (token.text !== '(' || token.kind !== 'punctuation') return parseComparison(state);
  take(state);
  const inner = nested(state, token, () => parseGroup(state));
  const closing = peek(state);
  if (closing.kind === 'end') throw new ExpressionError(token.at, 'this ( is never closed');
  if (closing.text !== ')') throw unexpected(closing, inner);
  take(state);
  return inner;
}

function nested(state: State, token: Token, parse: () => Expression): Expression {
  state.depth += 1;
  if (state.depth > MAX_DEPTH) {
    throw new ExpressionError(token.at, `nested deeper than ${MAX_DEPTH} levels`);
  }
  const inner = parse();
  state.depth -= 1;
  return inner;
}

function node(state: State, expression: Expression): Expression {
  state.nodes += 1;
  if (state.nodes <= MAX_NODES) return expression;
  throw new ExpressionError(expression.at, `more than ${MAX_NODES} parts; split the policy`);
}

function parseFor(state: State, operand: Expression): Expression {
  take(state);
  const amount = take(state);
  const { at } = operand;
  if (amount.kind === 'duration') {
    if (amount.durationMs === 0) throw new ExpressionError(amount.at, 'for needs more than 0');
    return node(state, { kind: 'for', at, operand, durationMs: amount.durationMs });
  }
  if (amount.kind !== 'number') {
    throw new ExpressionError(
      amount.at,
      'for needs a duration or attempts: for 5m, for 3 attempts',
    );
  }
  if (!isKeyword(peek(state), 'attempts') && !isKeyword(peek(state), 'attempt')) {
    throw new ExpressionError(
      amount.at,
      `for ${amount.text} needs a unit: for ${amount.text}s, for ${amount.text}m, for ${amount.text} attempts`,
    );
  }
  take(state);
  if (
    !Number.isInteger(amount.value) ||
    amount.value < 1 ||
    amount.value > 1000 ||
    amount.isPercent
  ) {
    throw new ExpressionError(amount.at, 'attempts are a whole number from 1 to 1000');
  }
  return node(state, { kind: 'forAttempts', at, operand, attempts: amount.value });
}

function parseComparison(state: State): Expression {
  const left = parseValue(state);
  const operator = peek(state);
  if (operator.kind !== 'operator') return truthy(state, left, operator);
  take(state);
  if (operator.text === '=') {
    throw new ExpressionError(operator.at, 'write == to compare');
  }
  const right = parseValue(state);
  const second = peek(state);
  if (second.kind === 'operator') {
    throw new ExpressionError(second.at, 'one comparison at a time; join two with AND');
  }
  refuseMeaningless(left, right);
  const op = COMPARISONS.find((known) => known === operator.text) as Comparison;
  return node(state, { kind: 'compare', at: left.at, op, left, right });
}

function truthy(state: State, value: ValueExpression, next: Token): Expression {
  if (value.kind === 'selector') {
    if (next.kind === 'number') {
      throw new ExpressionError(next.at, `expected >, >=, <, <=, == or != before ${next.text}`);
    }
    return node(state, { kind: 'truthy', at: value.at, operand: value });
  }
  throw new ExpressionError(value.at, 'a number alone is no condition; compare it with a metric');
}

function parseValue(state: State): ValueExpression {
  const token = take(state);
  if (token.kind === 'number') {
    return { kind: 'number', at: token.at, value: token.value, isPercent: token.isPercent };
  }
  if (token.kind !== 'name' || RESERVED.has(token.text.toLowerCase())) {
    const found = token.kind === 'end' ? 'the end' : token.text;
    throw new ExpressionError(token.at, `expected a metric or a number, found ${found}`);
  }
  return parseSelector(state, token);
}

function parseSelector(state: State, name: Token): Selector {
  const matchers: Matcher[] = [];
  if (peek(state).text === '{') {
    take(state);
    while (peek(state).text !== '}') {
      matchers.push(parseMatcher(state));
      if (peek(state).text !== ',') break;
      take(state);
    }
    const closing = take(state);
    if (closing.text !== '}')
      throw new ExpressionError(closing.at, 'expected , or } after a label');
  }
  return { kind: 'selector', at: name.at, metric: name.text, matchers };
}

function parseMatcher(state: State): Matcher {
  const label = take(state);
  if (label.kind !== 'name' || label.text.includes(':')) {
    throw new ExpressionError(label.at, 'expected a label, as in {mount="/"}');
  }
  const op = take(state);
  if (op.text !== '=' && op.text !== '!=') {
    throw new ExpressionError(op.at, `expected = or != after the label ${label.text}`);
  }
  const value = take(state);
  if (value.kind !== 'string') {
    throw new ExpressionError(value.at, `the value of ${label.text} needs quotes`);
  }
  return { label: label.text, op: op.text, value: value.value };
}

function peek({ tokens, index }: State): Token {
  return tokens[index] ?? { kind: 'end', at: 0, text: '' };
}

/** The next token; the end is never passed. */
function take(state: State): Token {
  const token = peek(state);
  if (token.kind !== 'end') state.index += 1;
  return token;
}

function isKeyword(token: Token, word: string): boolean {
  return token.kind === 'name' && token.text.toLowerCase() === word;
}

function unexpected(token: Token, before: Expression): ExpressionError {
  if (token.text === ')') return new ExpressionError(token.at, 'this ) was never opened');
  const isJoin = isKeyword(token, 'and') || isKeyword(token, 'or');
  if (isJoin && (before.kind === 'for' || before.kind === 'forAttempts')) {
    const word = token.text.toUpperCase();
    return new ExpressionError(
      token.at,
      `for covers everything before it; put its part in parentheses: (… for …) ${word} …`,
    );
  }
  const hint = token.kind === 'name' ? suggest(token.text, ['AND', 'OR', 'for']) : '';
  return new ExpressionError(
    token.at,
    `expected AND, OR, for or the end, found ${token.text}${hint}`,
  );
}
