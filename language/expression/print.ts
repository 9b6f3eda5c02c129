import type { Expression, ValueExpression } from '../../domain/policy/ast';
import { formatDuration } from '../../domain/policy/duration';
import { printSelector } from '../../domain/policy/series';

/** How tightly each kind binds; a child that binds looser than its place asks for parentheses. */
const POWER = { for: 0, forAttempts: 0, or: 1, and: 2, not: 3, compare: 4, truthy: 4 } as const;

/** The shortest text that parses to the same expression (positions aside). */
export function printExpression(expression: Expression): string {
  return print(expression, POWER.for);
}

function print(expression: Expression, place: number): string {
  const power = POWER[expression.kind];
  const text = write(expression, power);
  return power < place ? `(${text})` : text;
}

function write(expression: Expression, power: number): string {
  switch (expression.kind) {
    case 'compare':
      return `${printValue(expression.left)} ${expression.op} ${printValue(expression.right)}`;
    case 'truthy':
      return printSelector(expression.operand);
    case 'and':
    case 'or': {
      const word = expression.kind.toUpperCase();
      return `${print(expression.left, power)} ${word} ${print(expression.right, power + 1)}`;
    }
    case 'not':
      return `NOT ${print(expression.operand, power)}`;
    case 'for':
      return `${print(expression.operand, power)} for ${formatDuration(expression.durationMs)}`;
    case 'forAttempts':
      return `${print(expression.operand, power)} for ${expression.attempts} attempts`;
  }
}

function printValue(value: ValueExpression): string {
  if (value.kind === 'selector') return printSelector(value);
  return `${value.value}${value.isPercent ? '%' : ''}`;
}
