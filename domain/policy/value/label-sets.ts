import type { ValueExpression } from '../ast';
import { contains } from '../selectors';
import { labelSetKey } from '../series';
import { vector, type Slot, type VectorProgram } from './program';

/** Whether two slots may stand for one label set: only the sides of an `or` bring one twice. */
export function bringsTwice(value: ValueExpression): boolean {
  return contains(value, (node) => node.kind === 'set' && node.op === 'or');
}

/** Both sides of an `or` may bring the same label set, each at its time: that is one and the same alert. */
export function byLabelSet(operand: VectorProgram): VectorProgram {
  const groups = new Map<string, number[]>();
  operand.slots.forEach(({ labels }, i) => {
    const key = labelSetKey(labels);
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  if (groups.size === operand.slots.length) return operand;
  const members = [...groups.values()];
  const slots = members.map((indexes): Slot => {
    const of = indexes.flatMap((i) => operand.slots[i] ?? []);
    const [name = null, ...others] = new Set(of.map((slot) => slot.name));
    const sources = [...new Set(of.flatMap((slot) => slot.sources))];
    return { name: others.length === 0 ? name : null, labels: of[0]?.labels ?? {}, sources };
  });
  return vector(slots, (time, { values, present }) => {
    operand.run(time);
    members.forEach((indexes, i) => {
      const found = indexes.find((index) => operand.present[index] === true);
      present[i] = found !== undefined;
      values[i] = found === undefined ? NaN : (operand.values[found] ?? NaN);
      const slot = slots[i];
      if (slot !== undefined) slot.isAbsence = operand.slots[found ?? -1]?.isAbsence === true;
    });
  });
}
