import type { Aggregate, Call, Compare, NumberLiteral, Selector, ValueExpression } from '../ast';
import { WINDOW_FUNCTIONS } from '../functions';
import { MATH } from '../functions/math';
import { aggregate } from './aggregate';
import { ARITHMETIC, binary, HOLDS, setOperation } from './binary';
import { mapped, vector, type Environment, type Program, type VectorProgram } from './program';
import { absentOf, selectNewest, selectTimestamps, selectWindow } from './select';

/**
 * Makes an expression ready for a set of series: label sets, groups and partners are settled once,
 * and running the program at a time only computes values. The expression has been checked by the parser.
 */
export function compile(expression: ValueExpression, env: Environment): Program {
  switch (expression.kind) {
    case 'number': {
      const value = numberOf(expression, env.percentScale);
      return { kind: 'scalar', valueAt: () => value };
    }
    case 'selector':
      return selectNewest(expression, env);
    case 'call':
      return compileCall(expression, env);
    case 'aggregate':
      return compileAggregate(expression, env);
    case 'negate':
      return negated(compile(expression.operand, env));
    case 'arithmetic':
      return binary(compile(expression.left, env), compile(expression.right, env), {
        combine: ARITHMETIC[expression.op],
        keepsName: false,
      });
    case 'compare':
      return compileFilter(expression, env);
    case 'set':
      return setOperation(
        expression.op,
        compileVector(expression.left, env),
        compileVector(expression.right, env),
      );
  }
}

export function compileVector(expression: ValueExpression, env: Environment): VectorProgram {
  const program = compile(expression, env);
  if (program.kind === 'vector') return program;
  throw new TypeError(`${expression.kind} is no vector`);
}

/** `80%` is 80 times the scale: 0.01 against ratios, 1 against metrics in percent. */
export function numberOf(literal: NumberLiteral, percentScale: number): number {
  if (literal.special !== undefined) return literal.special === 'NaN' ? NaN : Infinity;
  if (!literal.isPercent) return literal.value;
  return percentScale === 1 ? literal.value : literal.value / 100;
}

function negated(operand: Program): Program {
  return operand.kind === 'vector'
    ? mapped(operand, (value) => -value)
    : { kind: 'scalar', valueAt: (time) => -operand.valueAt(time) };
}

/** A comparison inside a value: a filter that keeps the value of the vector (of two, the left one), or 0 and 1. */
function compileFilter({ op, isBool, left, right }: Compare, env: Environment): Program {
  const [a, b] = [compile(left, env), compile(right, env)];
  const holds = HOLDS[op];
  if (isBool === true) {
    return binary(a, b, { combine: (x, y) => (holds(x, y) ? 1 : 0), keepsName: false });
  }
  const keepsRight = a.kind === 'scalar';
  const keep = (x: number, y: number): number | null => (holds(x, y) ? (keepsRight ? y : x) : null);
  return binary(a, b, { combine: keep, keepsName: true });
}

function compileAggregate(expression: Aggregate, env: Environment): VectorProgram {
  const { parameter } = expression;
  const scalar = parameter === undefined ? null : compile(parameter, env);
  if (scalar?.kind === 'vector') throw new TypeError(`${expression.op} takes a scalar first`);
  return aggregate(expression, compileVector(expression.operand, env), scalar);
}

function compileCall(call: Call, env: Environment): Program {
  const [first] = call.args;
  switch (call.function) {
    case 'time':
      return { kind: 'scalar', valueAt: (time) => time / 1000 };
    case 'vector':
      return vectorOf(compile(argument(call, 0), env));
    case 'scalar':
      return scalarOf(compileVector(argument(call, 0), env));
    case 'timestamp':
      return first?.kind === 'selector'
        ? selectTimestamps(first, env)
        : mapped(compileVector(argument(call, 0), env), (_value, time) => time / 1000);
    case 'absent':
      return absentOf(
        compileVector(argument(call, 0), env),
        first?.kind === 'selector' ? first : null,
      );
    case 'absent_over_time': {
      const selector = rangeOf(call);
      const plain = { compute: () => 1, argsAt: () => [], keepsName: false };
      return absentOf(selectWindow(selector, plain, env), selector);
    }
    default:
      return compileListed(call, env);
  }
}

/** The functions that stand in a table. */
function compileListed(call: Call, env: Environment): VectorProgram {
  const compute = WINDOW_FUNCTIONS[call.function];
  if (compute !== undefined) {
    const keepsName = call.function === 'last_over_time';
    return selectWindow(rangeOf(call), { compute, argsAt: scalarArgs(call, env), keepsName }, env);
  }
  const map = MATH[call.function];
  if (map === undefined) throw new TypeError(`there is no function ${call.function}`);
  const argsAt = scalarArgs(call, env);
  const operand = compileVector(argument(call, 0), env);
  const program = mapped(operand, (value, time) => map(value, argsAt(time)));
  return call.function === 'clamp' ? withoutEmptyRange(program, argsAt) : program;
}

/** A clamp whose lower bound is above its upper one answers nothing. */
function withoutEmptyRange(
  program: VectorProgram,
  argsAt: (time: number) => readonly number[],
): VectorProgram {
  return vector(program.slots, (time, { values, present }) => {
    const [min = NaN, max = NaN] = argsAt(time);
    program.run(time);
    for (let i = 0; i < present.length; i += 1) {
      present[i] = program.present[i] === true && !(min > max);
      values[i] = program.values[i] ?? NaN;
    }
  });
}

function argument({ args, function: name }: Call, index: number): ValueExpression {
  const found = args[index];
  if (found === undefined) throw new TypeError(`${name} lacks argument ${index + 1}`);
  return found;
}

function rangeOf(call: Call): Selector {
  const range = call.args.find(
    (arg): arg is Selector => arg.kind === 'selector' && arg.rangeMs !== undefined,
  );
  if (range === undefined) throw new TypeError(`${call.function} takes a range such as x[5m]`);
  return range;
}

const NONE: readonly number[] = [];

/** The values of the arguments that are scalars, in their order. */
function scalarArgs({ args }: Call, env: Environment): (time: number) => readonly number[] {
  const literals = args.filter((arg) => arg.kind === 'number');
  if (literals.length === args.length - 1) {
    const values =
      literals.length === 0 ? NONE : literals.map((arg) => numberOf(arg, env.percentScale));
    return () => values;
  }
  const scalars = args
    .filter((arg) => arg.kind !== 'selector')
    .flatMap((arg) => {
      const program = compile(arg, env);
      return program.kind === 'scalar' ? [program] : [];
    });
  return (time) => scalars.map((program) => program.valueAt(time));
}

function vectorOf(scalar: Program): VectorProgram {
  if (scalar.kind === 'vector') throw new TypeError('vector takes a scalar');
  const slot = { name: null, labels: {}, sources: [] };
  return vector([slot], (time, { values, present }) => {
    values[0] = scalar.valueAt(time);
    present[0] = true;
  });
}

/** The only value of a vector; NaN when there are none or several. */
function scalarOf(operand: VectorProgram): Program {
  return {
    kind: 'scalar',
    valueAt(time) {
      operand.run(time);
      const first = operand.present.indexOf(true);
      const isOnly = first >= 0 && !operand.present.includes(true, first + 1);
      return isOnly ? (operand.values[first] ?? NaN) : NaN;
    },
  };
}
