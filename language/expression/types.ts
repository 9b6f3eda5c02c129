import type { ValueExpression } from '../../domain/policy/ast';
import { AGGREGATIONS, SIGNATURES, type ValueType } from '../../domain/policy/functions/signatures';
import { printValue } from '../../domain/policy/print';
import { ExpressionError } from './errors';

/** What a value is, by PromQL's rules; the value itself has been checked. */
export function typeOf(value: ValueExpression): ValueType {
  switch (value.kind) {
    case 'number':
      return 'scalar';
    case 'selector':
      return value.rangeMs === undefined ? 'vector' : 'range';
    case 'call':
      return resultOf(value.function);
    case 'aggregate':
    case 'set':
      return 'vector';
    case 'negate':
      return typeOf(value.operand);
    case 'arithmetic':
    case 'compare':
      return areScalars(value) ? 'scalar' : 'vector';
  }
}

function resultOf(name: string): ValueType {
  return SIGNATURES[name]?.result ?? 'vector';
}

export function areScalars({ left, right }: Record<'left' | 'right', ValueExpression>): boolean {
  return typeOf(right) === 'scalar' && typeOf(left) === 'scalar';
}

/** Whether it is the same at every time. */
export function isConstant(value: ValueExpression): boolean {
  switch (value.kind) {
    case 'number':
      return true;
    case 'negate':
      return isConstant(value.operand);
    case 'arithmetic':
    case 'compare':
      return isConstant(value.left) && isConstant(value.right);
    case 'selector':
    case 'call':
    case 'aggregate':
    case 'set':
      return false;
  }
}

/** A range has no value at a time. Throws ExpressionError. */
export function refuseRange(value: ValueExpression): void {
  if (value.kind !== 'selector' || value.rangeMs === undefined) return;
  throw new ExpressionError(
    value.at,
    `a range stands only in a function, as in avg_over_time(${shortened(value)})`,
  );
}

/** Checks number and types of a function's arguments. Throws ExpressionError at the argument. */
export function checkArguments(name: string, args: ValueExpression[], closingAt: number): void {
  const signature = SIGNATURES[name];
  if (signature === undefined) return;
  const { params, optional } = signature;
  if (args.length < params.length - optional || args.length > params.length) {
    const wanted =
      optional === 0 ? params.length : `${params.length - optional} or ${params.length}`;
    const noun = wanted === 1 ? 'argument' : 'arguments';
    throw new ExpressionError(
      args[params.length]?.at ?? closingAt,
      `${name} takes ${wanted} ${noun}, found ${args.length}`,
    );
  }
  for (const [index, arg] of args.entries()) checkArgument(name, params[index] ?? 'vector', arg);
}

/** Checks the operand of an aggregation and the number before it. Throws ExpressionError. */
export function checkAggregate(
  op: keyof typeof AGGREGATIONS,
  args: ValueExpression[],
  closingAt: number,
): void {
  const wanted = AGGREGATIONS[op] ? 2 : 1;
  if (args.length !== wanted) {
    const usage = AGGREGATIONS[op] ? `${op}(5, x)` : `${op}(x)`;
    throw new ExpressionError(
      args[wanted]?.at ?? closingAt,
      `${op} is written ${usage}, found ${args.length} argument${args.length === 1 ? '' : 's'}`,
    );
  }
  for (const [index, arg] of args.entries()) {
    checkArgument(op, index === wanted - 1 ? 'vector' : 'scalar', arg);
  }
}

function checkArgument(name: string, wanted: ValueType, arg: ValueExpression): void {
  const type = typeOf(arg);
  if (type === wanted) return;
  throw new ExpressionError(arg.at, `${name} takes ${NAMES[wanted]} here, ${remedy(wanted, arg)}`);
}

const NAMES: Readonly<Record<ValueType, string>> = {
  scalar: 'a number',
  vector: 'a value per label set',
  range: 'a range',
};

function remedy(wanted: ValueType, arg: ValueExpression): string {
  const type = typeOf(arg);
  const text = shortened(arg);
  if (wanted === 'range') {
    const isPlain = arg.kind === 'selector' && arg.offsetMs === undefined;
    return isPlain ? `write ${text}[5m]` : `as in x[5m]; found ${NAMES[type]}`;
  }
  if (type === 'range') return `found a range; write it as in avg_over_time(${text})`;
  return wanted === 'scalar' ? `write scalar(${text})` : `write vector(${text})`;
}

/** Messages stay readable whatever was written. */
function shortened(value: ValueExpression): string {
  const text = printValue(value);
  return text.length <= 60 ? text : '…';
}
