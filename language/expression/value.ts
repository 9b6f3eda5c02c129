import type { ValueExpression } from '../../domain/policy/ast';
import { ExpressionError } from './errors';
import { areScalars, refuseRange, typeOf } from './types';
import type { BinaryOperator, Written, WrittenBinary, WrittenSugar } from './written';

/** Reads what was written as a value: comparisons filter, and/or/unless work on label sets. Throws ExpressionError. */
export function toValue(written: Written): ValueExpression {
  switch (written.kind) {
    case 'value':
      return written.value;
    case 'group':
      return toValue(written.inner);
    case 'sign':
      return signed(written.sign, toValue(written.operand), written.at);
    case 'binary':
      return combined(written);
    case 'not':
    case 'for':
    case 'forAttempts':
    case 'trend':
    case 'missing':
      throw new ExpressionError(written.wordAt, `${WORDS[written.kind]}; a value stands here`);
  }
}

const WORDS: Readonly<Record<WrittenSugar['kind'], string>> = {
  not: 'NOT turns a whole condition around, as in NOT (x > 5)',
  for: 'for belongs behind a whole condition',
  forAttempts: 'for belongs behind a whole condition',
  trend: 'increasing and decreasing make a whole condition',
  missing: 'is missing makes a whole condition',
};

export const COMPARISONS = ['>', '>=', '<', '<=', '==', '!='] as const;
export const SET_OPERATORS = ['and', 'or', 'unless'] as const;

export function oneOf<T extends BinaryOperator>(known: readonly T[], op: string): T | undefined {
  return known.find((one) => one === op);
}

/** A sign before a literal belongs to it, as in Prometheus; a plus changes nothing. */
function signed(sign: '+' | '-', operand: ValueExpression, at: number): ValueExpression {
  refuseRange(operand);
  if (sign === '+') return operand;
  // JSON can hold neither -Inf nor -0: these stay what they are written as.
  const isHeld = operand.kind === 'number' && operand.special === undefined && operand.value !== 0;
  return isHeld ? { ...operand, at, value: -operand.value } : { kind: 'negate', at, operand };
}

function combined(written: WrittenBinary): ValueExpression {
  const { op, opAt, isBool } = written;
  const sides = { left: toValue(written.left), right: toValue(written.right) };
  refuseRange(sides.left);
  refuseRange(sides.right);
  const { at } = sides.left;
  const setOperator = oneOf(SET_OPERATORS, op);
  if (setOperator !== undefined) {
    const scalar = Object.values(sides).find((side) => typeOf(side) === 'scalar');
    if (scalar === undefined) return { kind: 'set', at, op: setOperator, ...sides };
    throw new ExpressionError(
      scalar.at,
      `inside a value, ${op} joins values with labels and this is a number; write vector(…)`,
    );
  }
  const comparison = oneOf(COMPARISONS, op);
  if (comparison === undefined) {
    return { kind: 'arithmetic', at, op: arithmeticOf(op), ...sides };
  }
  if (isBool) return { kind: 'compare', at, op: comparison, ...sides, isBool };
  if (!areScalars(sides)) return { kind: 'compare', at, op: comparison, ...sides };
  throw new ExpressionError(opAt, `comparing two numbers inside a value needs bool: ${op} bool`);
}

const ARITHMETIC = ['+', '-', '*', '/', '%', '^'] as const;

function arithmeticOf(op: BinaryOperator): (typeof ARITHMETIC)[number] {
  return oneOf(ARITHMETIC, op) ?? '+';
}
