import type { Comparison, Expression, ValueExpression } from '../../domain/policy/ast';
import { ExpressionError } from './errors';
import { areScalars, isConstant, refuseRange, typeOf } from './types';
import { COMPARISONS, oneOf, toValue } from './value';
import type { Written, WrittenBinary } from './written';

/** Reads what was written as a condition of Vigil's own language. Throws ExpressionError. */
export function toCondition(written: Written): Expression {
  switch (written.kind) {
    case 'group':
      return toCondition(written.inner);
    case 'binary':
      return joined(written);
    case 'not':
      return { kind: 'not', at: written.at, operand: toCondition(written.operand) };
    case 'for': {
      const operand = toCondition(written.operand);
      return { kind: 'for', at: operand.at, operand, durationMs: written.durationMs };
    }
    case 'forAttempts': {
      const operand = toCondition(written.operand);
      return { kind: 'forAttempts', at: operand.at, operand, attempts: written.attempts };
    }
    case 'trend': {
      const { at, operand, direction, durationMs } = written;
      return { kind: 'trend', at, operand, direction, durationMs };
    }
    case 'missing': {
      const { at, operand, durationMs } = written;
      return { kind: 'missing', at, operand, durationMs };
    }
    case 'value':
    case 'sign':
      return truthy(toValue(written));
  }
}

function joined(written: WrittenBinary): Expression {
  const { op, opAt } = written;
  if (op === 'and' || op === 'or') {
    const left = toCondition(written.left);
    return { kind: op, at: left.at, left, right: toCondition(written.right) };
  }
  if (op === 'unless') {
    throw new ExpressionError(opAt, 'unless works on values; between conditions write AND NOT');
  }
  const comparison = oneOf(COMPARISONS, op);
  if (comparison === undefined) return truthy(toValue(written));
  if (written.left.kind === 'binary' && oneOf(COMPARISONS, written.left.op) !== undefined) {
    throw new ExpressionError(opAt, 'one comparison at a time; join two with AND');
  }
  return written.isBool ? truthy(toValue(written)) : compared(written, comparison);
}

function compared(written: WrittenBinary, op: Comparison): Expression {
  const left = toValue(written.left);
  const right = toValue(written.right);
  refuseRange(left);
  refuseRange(right);
  if (areScalars({ left, right })) throw refusedScalars(left, right);
  return { kind: 'compare', at: left.at, op, left, right };
}

function refusedScalars(left: ValueExpression, right: ValueExpression): ExpressionError {
  if (!isConstant(left) || !isConstant(right)) {
    const message = 'compares two numbers, which belong to no series; write vector(…) around one';
    return new ExpressionError(left.at, message);
  }
  const isMixed =
    left.kind === 'number' && right.kind === 'number' && left.isPercent !== right.isPercent;
  return new ExpressionError(
    left.at,
    isMixed
      ? 'mixes a percentage and a number; compare one of them with a metric'
      : 'compares two numbers and would always say the same; name a metric',
  );
}

function truthy(operand: ValueExpression): Expression {
  refuseScalar(operand);
  return { kind: 'truthy', at: operand.at, operand };
}

/** A condition needs something that has labels. Throws ExpressionError. */
export function refuseScalar(value: ValueExpression): void {
  refuseRange(value);
  if (typeOf(value) !== 'scalar') return;
  throw new ExpressionError(value.at, 'a number alone is no condition; compare it with a metric');
}
