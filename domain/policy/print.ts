import type { Aggregate, Expression, NumberLiteral, Selector, ValueExpression } from './ast';
import { formatDuration } from './duration';

/** How tightly each kind of condition binds; a child that binds looser than its place asks for parentheses. */
const POWER = {
  for: 0,
  forAttempts: 0,
  or: 1,
  and: 2,
  not: 3,
  compare: 4,
  trend: 4,
  missing: 4,
  truthy: 4,
  present: 4,
} as const;

/** What `is missing` means without a duration; the parser has the same. */
const MISSING_MS = 300_000;

/** Powers of what stands inside values, loosest first; `^` is the only one that binds to the right. */
const VALUE_POWER = {
  or: 1,
  and: 2,
  unless: 2,
  compare: 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  sign: 5,
  '^': 6,
  atom: 7,
} as const;

/** The shortest text that parses to the same expression (positions aside). */
export function printExpression(expression: Expression): string {
  return print(expression, POWER.for);
}

/** The shortest PromQL that parses to the same value; a percentage is none of PromQL's. */
export function printValue(value: ValueExpression): string {
  return printAt(value, VALUE_POWER.or);
}

/** `http_up{resource="web"}[5m] offset 1h`, as it is written in a condition. */
export function printSelector({ metric, matchers, rangeMs, offsetMs }: Selector): string {
  const inner = matchers.map(({ label, op, value }) => `${label}${op}${JSON.stringify(value)}`);
  const braces = inner.length === 0 && !isAmbiguous(metric) ? '' : `{${inner.join(',')}}`;
  const range = rangeMs === undefined ? '' : `[${formatDuration(rangeMs)}]`;
  return `${metric}${braces}${range}${offsetMs === undefined ? '' : printOffset(offsetMs)}`;
}

/** Behind a comparison, `bool - 1` would read as the modifier. */
function isAmbiguous(metric: string): boolean {
  return metric.toLowerCase() === 'bool';
}

function printOffset(offsetMs: number): string {
  return ` offset ${offsetMs < 0 ? '-' : ''}${formatDuration(Math.abs(offsetMs))}`;
}

function print(expression: Expression, place: number): string {
  const text = write(expression);
  return POWER[expression.kind] < place ? `(${text})` : text;
}

function write(expression: Expression): string {
  const power = POWER[expression.kind];
  switch (expression.kind) {
    case 'compare': {
      const place = VALUE_POWER.compare + 1;
      const { left, op, right } = expression;
      return `${printAt(left, place)} ${op} ${printAt(right, place)}`;
    }
    case 'truthy':
      return printTruthy(expression.operand);
    case 'present':
      return printValue(expression.operand);
    case 'trend': {
      const { operand, direction, durationMs } = expression;
      return `${printSelector(operand)} ${direction} for ${formatDuration(durationMs)}`;
    }
    case 'missing': {
      const { operand, durationMs } = expression;
      const held = durationMs === MISSING_MS ? '' : ` for ${formatDuration(durationMs)}`;
      return `${printSelector(operand)} is missing${held}`;
    }
    case 'and':
    case 'or': {
      const word = expression.kind.toUpperCase();
      return `${print(expression.left, power)} ${word} ${print(expression.right, power + 1)}`;
    }
    case 'not':
      return `NOT ${print(expression.operand, power)}`;
    case 'for':
      return `${printHeld(expression.operand)} for ${formatDuration(expression.durationMs)}`;
    case 'forAttempts':
      return `${printHeld(expression.operand)} for ${expression.attempts} attempts`;
  }
}

/** A filter or a set operation would read as a condition; a sign before it says that it is a value. */
function printTruthy(operand: ValueExpression): string {
  const isCondition =
    operand.kind === 'set' || (operand.kind === 'compare' && operand.isBool !== true);
  if (isCondition) return `+${printAt(operand, VALUE_POWER.atom)}`;
  if (operand.kind !== 'compare') return printValue(operand);
  const place = VALUE_POWER.compare + 1;
  const { left, op, right } = operand;
  return `${printAt(left, place)} ${op} bool ${printAt(right, place)}`;
}

/** Behind `is missing`, a `for` would be taken for its duration. */
function printHeld(operand: Expression): string {
  const text = print(operand, POWER.for);
  return text.endsWith(' is missing') ? `${text} for ${formatDuration(MISSING_MS)}` : text;
}

function printAt(value: ValueExpression, place: number): string {
  const text = writeValue(value);
  return powerOf(value) < place ? `(${text})` : text;
}

function powerOf(value: ValueExpression): number {
  switch (value.kind) {
    case 'number':
      return value.value < 0 ? VALUE_POWER.sign : VALUE_POWER.atom;
    case 'negate':
      return VALUE_POWER.sign;
    case 'compare':
      return VALUE_POWER.compare;
    case 'arithmetic':
    case 'set':
      return VALUE_POWER[value.op];
    case 'selector':
    case 'call':
    case 'aggregate':
      return VALUE_POWER.atom;
  }
}

function writeValue(value: ValueExpression): string {
  switch (value.kind) {
    case 'number':
      return printNumber(value);
    case 'selector':
      return printSelector(value);
    case 'call':
      return `${value.function}(${value.args.map(printValue).join(', ')})`;
    case 'aggregate':
      return printAggregate(value);
    case 'negate':
      return `-${printOperand(value.operand, VALUE_POWER['^'])}`;
    case 'compare': {
      const bool = value.isBool === true ? ' bool' : '';
      return printBinary(value, `${value.op}${bool}`, VALUE_POWER.compare);
    }
    case 'arithmetic':
    case 'set':
      return printBinary(value, value.op, VALUE_POWER[value.op]);
  }
}

function printBinary(
  { left, right }: Record<'left' | 'right', ValueExpression>,
  op: string,
  power: number,
): string {
  const isRightBound = power === VALUE_POWER['^'];
  const leftText = printAt(left, isRightBound ? power + 1 : power);
  return `${leftText} ${op} ${printOperand(right, isRightBound ? power : power + 1)}`;
}

/** Behind an operator a sign needs no parentheses: nothing on its left can claim its operand. */
function printOperand(value: ValueExpression, place: number): string {
  return powerOf(value) === VALUE_POWER.sign && isSigned(value)
    ? writeValue(value)
    : printAt(value, place);
}

function isSigned(value: ValueExpression): boolean {
  return value.kind === 'negate' || value.kind === 'number';
}

function printNumber({ value, isPercent, special }: NumberLiteral): string {
  return special ?? `${value}${isPercent ? '%' : ''}`;
}

function printAggregate({ op, operand, parameter, grouping }: Aggregate): string {
  const by = grouping === undefined ? '' : ` ${grouping.mode} (${grouping.labels.join(', ')}) `;
  const first = parameter === undefined ? '' : `${printValue(parameter)}, `;
  return `${op}${by}(${first}${printValue(operand)})`;
}
