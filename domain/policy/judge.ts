import type { VerdictValue } from './policy';
import type { Freshness, SeriesWindow } from './series';
import type { Slot } from './value/program';

export type UnknownReason = 'no_data' | 'unit_mismatch' | 'too_few_samples' | 'not_receiving';

/** What a leaf says of each label set at a time: after `run(time)`, slot i has `verdicts[i]`. */
export interface Judge {
  slots: readonly Slot[];
  verdicts: VerdictValue[];
  /** What was judged; null: there was no value. */
  values: (number | null)[];
  /** What it was compared with; null: nothing, or there was none. */
  others: (number | null)[];
  /** Why a verdict is unknown although its series are fresh. */
  reasons: (UnknownReason | null)[];
  run: (time: number) => void;
  /** The value of a slot, where it costs more than the verdict; asked right after `run`. */
  measure?: (index: number, time: number) => number | null;
  /** What holds before anything is known. */
  before: VerdictValue;
  /** Of a comparison of two vectors: where each slot's two values come from. */
  sides: readonly { left: Slot | null; right: Slot | null }[] | null;
  /** Times at which a verdict may change besides those of the samples. */
  turningPoints: readonly number[];
}

export interface JudgeContext extends Freshness {
  series: readonly SeriesWindow[];
  /** Since when samples have been received without a break, epoch ms: absence before says nothing. */
  receivingSince: number;
  /** absent() of a series that was never seen counts; else it is unknown. */
  countsNeverSeen: boolean;
  /** What a series that fell silent means here (under a NOT it is turned round). */
  silence: VerdictValue;
}

export interface Judgement {
  verdict: VerdictValue;
  value: number | null;
  other?: number | null;
  reason?: UnknownReason;
}

/** A judge whose slots are looked at one by one. */
export function judgeEach(
  slots: readonly Slot[],
  prepare: (time: number) => void,
  look: (index: number, time: number) => Judgement,
): Judge {
  const judge: Judge = {
    slots,
    verdicts: slots.map(() => 'unknown'),
    values: slots.map(() => null),
    others: slots.map(() => null),
    reasons: slots.map(() => null),
    before: 'unknown',
    sides: null,
    turningPoints: [],
    run(time) {
      prepare(time);
      for (let i = 0; i < slots.length; i += 1) {
        const { verdict, value, other = null, reason = null } = look(i, time);
        judge.verdicts[i] = verdict;
        judge.values[i] = value;
        judge.others[i] = other;
        judge.reasons[i] = reason;
      }
    },
  };
  return judge;
}

/** What it means that a slot has no value at that time. */
export function withoutValue(
  slot: Slot | undefined,
  time: number,
  context: JudgeContext,
): Judgement {
  const { silence, stalenessMs, receivingSince } = context;
  const unknown: Judgement = { verdict: 'unknown', value: null, reason: 'no_data' };
  if (silence === 'unknown' || slot === undefined) return unknown;
  if (!slot.sources.every((source) => isSilent(source, time, stalenessMs))) return unknown;
  return time - stalenessMs >= receivingSince ? { verdict: silence, value: null } : unknown;
}

/** Seen once, and without a sample for that long. */
function isSilent({ samples }: SeriesWindow, time: number, stalenessMs: number): boolean {
  for (let i = samples.length - 1; i >= 0; i -= 1) {
    const sample = samples[i];
    if (sample === undefined || sample.ts > time) continue;
    return sample.isStale === true || time - sample.ts >= stalenessMs;
  }
  // Before its first sample a series is not silent; one without any in sight is.
  return samples.length === 0;
}
