import type { ArithmeticOperator, Comparison, SetOperator } from '../ast';
import { power } from '../functions/math';
import { labelSetKey } from '../series';
import { nameless, vector, type Program, type Slot, type VectorProgram } from './program';

export const ARITHMETIC: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': power,
};

export const HOLDS: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

/** What becomes of two values: a new value, or null for none. */
type Combine = (left: number, right: number) => number | null;

export interface BinaryOptions {
  combine: Combine;
  /** A filter leaves name and labels as they are. */
  keepsName: boolean;
}

/** Two scalars, a vector and a scalar, or two vectors whose label sets are the same but for the name. */
export function binary(left: Program, right: Program, options: BinaryOptions): Program {
  if (left.kind === 'scalar') {
    if (right.kind === 'vector') {
      const { combine, keepsName } = options;
      return withScalar(right, left, {
        combine: (value, other) => combine(other, value),
        keepsName,
      });
    }
    return {
      kind: 'scalar',
      valueAt: (time) => options.combine(left.valueAt(time), right.valueAt(time)) ?? NaN,
    };
  }
  return right.kind === 'scalar'
    ? withScalar(left, right, options)
    : withVector(left, right, options);
}

function withScalar(
  operand: VectorProgram,
  scalar: Extract<Program, { kind: 'scalar' }>,
  { combine, keepsName }: BinaryOptions,
): VectorProgram {
  const slots = keepsName ? operand.slots : operand.slots.map(nameless);
  return vector(slots, (time, { values, present }) => {
    operand.run(time);
    const other = scalar.valueAt(time);
    for (let i = 0; i < present.length; i += 1) {
      const value = operand.present[i] === true ? combine(operand.values[i] ?? NaN, other) : null;
      present[i] = value !== null;
      if (value !== null) values[i] = value;
    }
  });
}

function withVector(
  left: VectorProgram,
  right: VectorProgram,
  { combine, keepsName }: BinaryOptions,
): VectorProgram {
  const partners = partnersOf(left.slots, right.slots);
  const slots = left.slots.map((slot, i): Slot => {
    const others = (partners[i] ?? []).flatMap((j) => right.slots[j]?.sources ?? []);
    const joined = { ...slot, sources: [...slot.sources, ...others] };
    return keepsName ? joined : nameless(joined);
  });
  return vector(slots, (time, { values, present }) => {
    left.run(time);
    right.run(time);
    for (let i = 0; i < present.length; i += 1) {
      const j = left.present[i] === true ? presentOf(partners[i], right) : undefined;
      const value = j === undefined ? null : combine(left.values[i] ?? NaN, right.values[j] ?? NaN);
      present[i] = value !== null;
      if (value !== null) values[i] = value;
    }
  });
}

/** For each slot on the left, the slots on the right with the same labels. */
export function partnersOf(left: readonly Slot[], right: readonly Slot[]): number[][] {
  const byKey = new Map<string, number[]>();
  right.forEach(({ labels }, j) => {
    const key = labelSetKey(labels);
    byKey.set(key, [...(byKey.get(key) ?? []), j]);
  });
  return left.map(({ labels }) => byKey.get(labelSetKey(labels)) ?? []);
}

function presentOf(candidates: readonly number[] | undefined, program: VectorProgram) {
  return candidates?.find((j) => program.present[j] === true);
}

/** PromQL's `and`, `or` and `unless`, over label sets without the name. */
export function setOperation(
  op: SetOperator,
  left: VectorProgram,
  right: VectorProgram,
): VectorProgram {
  return op === 'or' ? union(left, right) : restriction(op, left, right);
}

function restriction(
  op: 'and' | 'unless',
  left: VectorProgram,
  right: VectorProgram,
): VectorProgram {
  const partners = partnersOf(left.slots, right.slots);
  return vector(left.slots, (time, { values, present }) => {
    left.run(time);
    right.run(time);
    for (let i = 0; i < present.length; i += 1) {
      const hasPartner = presentOf(partners[i], right) !== undefined;
      present[i] = left.present[i] === true && hasPartner === (op === 'and');
      if (present[i] === true) values[i] = left.values[i] ?? NaN;
    }
  });
}

function union(left: VectorProgram, right: VectorProgram): VectorProgram {
  const partners = partnersOf(right.slots, left.slots);
  return vector([...left.slots, ...right.slots], (time, { values, present }) => {
    left.run(time);
    right.run(time);
    const count = left.slots.length;
    for (let i = 0; i < present.length; i += 1) {
      const j = i - count;
      const isTaken = j >= 0 && presentOf(partners[j], left) !== undefined;
      const from = j < 0 ? left : right;
      const at = j < 0 ? i : j;
      present[i] = from.present[at] === true && !isTaken;
      if (present[i] === true) values[i] = from.values[at] ?? NaN;
    }
  });
}
