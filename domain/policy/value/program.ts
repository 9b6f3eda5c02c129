import type { Freshness, Sample, SeriesWindow } from '../series';

/** One label set of a vector; which there are is settled once, whether each has a value at each time. */
export interface Slot {
  /** The metric's name; null once a function took it away. */
  name: string | null;
  labels: Readonly<Record<string, string>>;
  /** The series its value comes from. */
  sources: readonly SeriesWindow[];
  /** Its value (where two sides bring it, the one of the last run) says that something is absent. */
  isAbsence?: boolean;
}

/** A vector over time: after `run(time)`, slot i has the value `values[i]` where `present[i]`. */
export interface VectorProgram {
  kind: 'vector';
  slots: readonly Slot[];
  values: number[];
  present: boolean[];
  run: (time: number) => void;
}

export interface ScalarProgram {
  kind: 'scalar';
  valueAt: (time: number) => number;
}

/** A value expression, made ready for one set of series; times are epoch ms and ascend. */
export type Program = VectorProgram | ScalarProgram;

/** Samples that an expression looks at: each counts from ts + offsetMs on, for keepMs. */
export interface Read {
  samples: readonly Sample[];
  offsetMs: number;
  keepMs: number;
  /** Every leaving sample changes the window, and not only the last before a gap. */
  isWindow: boolean;
  lateMs: number;
}

export interface Environment extends Freshness {
  series: readonly SeriesWindow[];
  /** What `80%` stands for is 80 times this. */
  percentScale: number;
  /** Filled while programs are made: when a value may change. */
  reads: Read[];
}

export function vector(
  slots: readonly Slot[],
  run: (time: number, program: VectorProgram) => void,
): VectorProgram {
  const program: VectorProgram = {
    kind: 'vector',
    slots,
    values: slots.map(() => NaN),
    present: slots.map(() => false),
    run(time) {
      run(time, program);
    },
  };
  return program;
}

/** A vector whose slots stand for those of another one, with a new value each. */
export function mapped(
  operand: VectorProgram,
  compute: (value: number, time: number, index: number) => number,
): VectorProgram {
  return vector(operand.slots.map(nameless), (time, { values, present }) => {
    operand.run(time);
    for (let i = 0; i < present.length; i += 1) {
      present[i] = operand.present[i] ?? false;
      if (present[i] === true) values[i] = compute(operand.values[i] ?? NaN, time, i);
    }
  });
}

export function nameless(slot: Slot): Slot {
  return slot.name === null ? slot : { ...slot, name: null };
}
