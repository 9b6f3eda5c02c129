import type { Compare, ValueExpression } from './ast';
import { judgeEach, withoutValue, type Judge, type JudgeContext, type Judgement } from './judge';
import { contains, selectorsOf } from './selectors';
import { HOLDS, partnersOf } from './value/binary';
import { compile } from './value/compile';
import { bringsTwice, byLabelSet } from './value/label-sets';
import type { Environment, Program, Slot, VectorProgram } from './value/program';

/** Above this, a value is no ratio, and comparing it with a percentage would be a guess. */
const LARGEST_RATIO = 1.5;

/** A comparison as a condition: three-valued, a label set at a time. NaN compares false, with everything. */
export function judgeCompare(leaf: Compare, env: Environment, context: JudgeContext): Judge {
  const scaled: Environment = { ...env, percentScale: percentScaleOf(leaf) };
  const left = compileSide(leaf.left, scaled);
  const right = compileSide(leaf.right, scaled);
  const isRatio = {
    left: isRatioAgainst(leaf.left, leaf.right, leaf),
    right: isRatioAgainst(leaf.right, leaf.left, leaf),
  };
  const weigh = (a: number, b: number): Judgement => weighed(leaf, a, b, isRatio);
  const lacking = (slot: Slot | undefined, time: number): Judgement =>
    withoutValue(slot, time, context);
  if (left.kind === 'vector' && right.kind === 'vector') {
    return judgePairs(left, right, { weigh, lacking });
  }
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    const slot = { name: null, labels: {}, sources: [] };
    return judgeEach(
      [slot],
      () => undefined,
      (_i, time) => weigh(left.valueAt(time), right.valueAt(time)),
    );
  }
  return judgeWithScalar(left, right, { weigh, lacking });
}

/** What both sides of an `or` bring is one and the same label set. */
function compileSide(side: ValueExpression, env: Environment): Program {
  const program = compile(side, env);
  return program.kind === 'vector' && bringsTwice(side) ? byLabelSet(program) : program;
}

interface Weighing {
  weigh: (left: number, right: number) => Judgement;
  lacking: (slot: Slot | undefined, time: number) => Judgement;
}

function judgeWithScalar(left: Program, right: Program, { weigh, lacking }: Weighing): Judge {
  const isLeft = left.kind === 'vector';
  const operand = (isLeft ? left : right) as VectorProgram;
  const scalar = (isLeft ? right : left) as Extract<Program, { kind: 'scalar' }>;
  let other = NaN;
  return judgeEach(
    operand.slots,
    (time) => {
      operand.run(time);
      other = scalar.valueAt(time);
    },
    (i, time) => {
      if (operand.present[i] !== true) return lacking(operand.slots[i], time);
      const value = operand.values[i] ?? NaN;
      return isLeft ? weigh(value, other) : turned(weigh(other, value));
    },
  );
}

/** What was judged is the side that is measured. */
function turned({ value, other = null, ...rest }: Judgement): Judgement {
  return { ...rest, value: other, other: value };
}

/** Label set by label set; one that finds no partner stays alone and is never judged. */
function judgePairs(
  left: VectorProgram,
  right: VectorProgram,
  { weigh, lacking }: Weighing,
): Judge {
  const partners = partnersOf(left.slots, right.slots);
  const paired = new Set(partners.flat());
  const alone = right.slots.map((_slot, j) => j).filter((j) => !paired.has(j));
  const joined = left.slots.map((slot, i) => {
    const others = (partners[i] ?? []).flatMap((j) => right.slots[j]?.sources ?? []);
    return { ...slot, sources: [...slot.sources, ...others] };
  });
  const lonely = alone.flatMap((j) => right.slots[j] ?? []);
  const slots = [...joined, ...lonely];
  const sides = [
    ...left.slots.map((slot, i) => ({
      left: slot,
      right: right.slots[partners[i]?.[0] ?? -1] ?? null,
    })),
    ...lonely.map((slot) => ({ left: null, right: slot })),
  ];
  const judge = judgeEach(
    slots,
    (time) => {
      left.run(time);
      right.run(time);
    },
    (i, time) => {
      if (i >= left.slots.length) {
        const j = alone[i - left.slots.length] ?? -1;
        const other = right.present[j] === true ? (right.values[j] ?? NaN) : null;
        return { verdict: 'unknown', value: null, other, reason: 'no_data' };
      }
      const value = left.present[i] === true ? (left.values[i] ?? NaN) : null;
      const j = (partners[i] ?? []).find((candidate) => right.present[candidate] === true);
      const other = j === undefined ? null : (right.values[j] ?? NaN);
      if (value !== null && other !== null) return weigh(value, other);
      return { ...lacking(slots[i], time), value, other };
    },
  );
  return { ...judge, sides };
}

interface Limits {
  /** The value on that side is compared with a percentage, and each one a ratio. */
  left: boolean;
  right: boolean;
}

function weighed({ op }: Compare, a: number, b: number, isRatio: Limits): Judgement {
  const isMismatch = (isRatio.left && a > LARGEST_RATIO) || (isRatio.right && b > LARGEST_RATIO);
  if (isMismatch) return { verdict: 'unknown', value: a, other: b, reason: 'unit_mismatch' };
  const isComparable = !Number.isNaN(a) && !Number.isNaN(b);
  const holds = isComparable && HOLDS[op](a, b);
  return { verdict: holds ? 'true' : 'false', value: a, other: b };
}

/** `80%` against values that are ratios each: what sums or calculates may well exceed 1. */
export function isRatioAgainst(
  measured: ValueExpression,
  limit: ValueExpression,
  leaf: Compare,
): boolean {
  if (limit.kind !== 'number' || !limit.isPercent || percentScaleOf(leaf) === 1) return false;
  return measured.kind !== 'number' && !contains(measured, addsUp);
}

const ADDING: ReadonlySet<string> = new Set(['sum_over_time', 'count_over_time', 'increase']);

function addsUp(node: Parameters<Parameters<typeof contains>[1]>[0]): boolean {
  if (node.kind === 'aggregate') return node.op === 'sum' || node.op === 'count';
  return node.kind === 'arithmetic' || (node.kind === 'call' && ADDING.has(node.function));
}

/** `80%` is 80 against metrics that are themselves in percent, else 0.8. */
export function percentScaleOf(leaf: Compare): 1 | 0.01 {
  const selectors = selectorsOf(leaf);
  const isInPercent =
    selectors.length > 0 && selectors.every(({ metric }) => metric.endsWith('_percent'));
  return isInPercent ? 1 : 0.01;
}
