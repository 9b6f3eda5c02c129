import type { Aggregate, AggregateOperator } from '../ast';
import { largestOf, meanOf, quantileOf, smallestOf, sumOf, varianceOf } from '../functions/sums';
import { labelSetKey } from '../series';
import { vector, type ScalarProgram, type Slot, type VectorProgram } from './program';

type Fold = (values: readonly number[], parameter: number) => number;

/** What each aggregation makes of the values of one group; there is at least one. */
const FOLDS: Readonly<Record<Exclude<AggregateOperator, 'topk' | 'bottomk'>, Fold>> = {
  sum: sumOf,
  avg: meanOf,
  min: smallestOf,
  max: largestOf,
  count: (values) => values.length,
  group: () => 1,
  stddev: (values) => Math.sqrt(varianceOf(values)),
  stdvar: varianceOf,
  quantile: (values, phi) => quantileOf(phi, values),
};

/** An aggregation over its operand's label sets; `parameter` is that of topk, bottomk and quantile. */
export function aggregate(
  { op, grouping }: Pick<Aggregate, 'op' | 'grouping'>,
  operand: VectorProgram,
  parameter: ScalarProgram | null,
): VectorProgram {
  const groups = groupsOf(operand.slots, grouping);
  if (op === 'topk' || op === 'bottomk') return ranked(op, operand, { groups, parameter });
  const fold = FOLDS[op];
  return vector(
    groups.map(({ slot }) => slot),
    (time, { values, present }) => {
      operand.run(time);
      const argument = parameter?.valueAt(time) ?? NaN;
      groups.forEach(({ members }, g) => {
        const found = members.filter((i) => operand.present[i] === true);
        present[g] = found.length > 0;
        if (!present[g]) return;
        values[g] = fold(
          found.map((i) => operand.values[i] ?? NaN),
          argument,
        );
      });
    },
  );
}

interface Group {
  slot: Slot;
  /** Indexes of the operand's slots. */
  members: number[];
}

function groupsOf(slots: readonly Slot[], grouping: Aggregate['grouping']): Group[] {
  const groups = new Map<string, Group>();
  slots.forEach((slot, i) => {
    const labels = groupLabels(slot.labels, grouping);
    const key = labelSetKey(labels);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { slot: { ...slot, name: null, labels }, members: [i] });
    } else {
      group.members.push(i);
      const { isAbsence = group.slot.isAbsence, sources } = slot;
      group.slot = {
        ...group.slot,
        sources: [...group.slot.sources, ...sources],
        ...(isAbsence && { isAbsence }),
      };
    }
  });
  return [...groups.values()];
}

const NO_LABELS = {};

function groupLabels(
  labels: Readonly<Record<string, string>>,
  grouping: Aggregate['grouping'],
): Readonly<Record<string, string>> {
  if (grouping === undefined) return NO_LABELS;
  const isNamed = (label: string): boolean => grouping.labels.includes(label);
  const keeps = grouping.mode === 'by' ? isNamed : (label: string) => !isNamed(label);
  return Object.fromEntries(Object.entries(labels).filter(([label]) => keeps(label)));
}

/** topk and bottomk keep label sets as they are: the k largest or smallest of each group; NaN is last. */
function ranked(
  op: 'topk' | 'bottomk',
  operand: VectorProgram,
  { groups, parameter }: { groups: readonly Group[]; parameter: ScalarProgram | null },
): VectorProgram {
  const sign = op === 'topk' ? -1 : 1;
  return vector(operand.slots, (time, { values, present }) => {
    operand.run(time);
    const count = Math.trunc(parameter?.valueAt(time) ?? NaN);
    present.fill(false);
    for (const { members } of groups) {
      const found = members.filter((i) => operand.present[i] === true);
      found.sort((a, b) => rank(operand.values[a], sign) - rank(operand.values[b], sign));
      for (const i of found.slice(0, Math.max(0, count))) {
        present[i] = true;
        values[i] = operand.values[i] ?? NaN;
      }
    }
  });
}

const LAST = Number.MAX_VALUE;

/** Orders infinities without the NaN that their difference would be. */
function rank(value: number | undefined, sign: 1 | -1): number {
  if (value === undefined || Number.isNaN(value)) return Infinity;
  return Math.max(-LAST, Math.min(LAST, sign * value));
}
