import type { Expression, Selector } from './ast';
import { judgeEach, withoutValue, type Judge, type JudgeContext, type Judgement } from './judge';
import { childrenOf } from './selectors';
import { measuredAfter, newestIndex, selected, type Sample, type SeriesWindow } from './series';
import { compile, compileVector } from './value/compile';
import { bringsTwice, byLabelSet } from './value/label-sets';
import type { Environment, Slot } from './value/program';
import { directionOf, slopeOf } from './value/trend';

type LeafOf<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

/** A value as a boolean, or (PromQL) a label set that is true while it is there. */
export function judgePresence(
  leaf: LeafOf<'truthy' | 'present'>,
  env: Environment,
  context: JudgeContext,
): Judge {
  const isPresent = leaf.kind === 'present';
  const compiled = compileVector(leaf.operand, env);
  const program = isPresent || bringsTwice(leaf.operand) ? byLabelSet(compiled) : compiled;
  const run = (time: number): void => {
    program.run(time);
  };
  if (isPresent && program.slots.length === 0) return { ...nothing(), before: 'false' };
  const judge = judgeEach(program.slots, run, (i, time): Judgement => {
    if (program.present[i] !== true) {
      return isPresent
        ? { verdict: 'false', value: null }
        : withoutValue(program.slots[i], time, context);
    }
    const value = program.values[i] ?? NaN;
    const isTrue = isPresent || (value !== 0 && !Number.isNaN(value));
    return { verdict: isTrue ? 'true' : 'false', value };
  });
  return isPresent ? { ...judge, before: 'false' } : judge;
}

/** An empty result of PromQL: false, always. */
function nothing(): Judge {
  const slot = { name: null, labels: {}, sources: [] };
  return judgeEach(
    [slot],
    () => undefined,
    () => ({ verdict: 'false', value: null }),
  );
}

/**
 * A condition over `absent` or `absent_over_time`: true and false like PromQL's result and its
 * lack, but unknown of a series that was never seen, and while nothing was being received.
 */
export function judgeAbsence(
  leaf: LeafOf<'truthy' | 'present' | 'compare'>,
  env: Environment,
  context: JudgeContext,
): Judge {
  const operand = compile(leaf.kind === 'compare' ? leaf : leaf.operand, env);
  if (operand.kind === 'scalar') throw new TypeError('a scalar is no condition');
  const program = leaf.kind === 'present' ? byLabelSet(operand) : operand;
  const windows = absentSelectors(leaf).map((selector) => ({
    isSeen: selected(selector, env.series).length > 0,
    sinceMs:
      context.receivingSince + (selector.rangeMs ?? context.stalenessMs) + (selector.offsetMs ?? 0),
  }));
  const isSeen = context.countsNeverSeen || windows.every((window) => window.isSeen);
  const countsFrom = Math.max(-Infinity, ...windows.map(({ sinceMs }) => sinceMs));
  const judge = judgeEach(
    program.slots,
    (time) => {
      program.run(time);
    },
    (i, time) => {
      if (program.present[i] !== true) return { verdict: 'false', value: null };
      const value = program.values[i] ?? NaN;
      const isAbsence = program.slots[i]?.isAbsence === true;
      if (isAbsence && !isSeen) return { verdict: 'unknown', value, reason: 'no_data' };
      if (isAbsence && time < countsFrom) {
        return { verdict: 'unknown', value, reason: 'not_receiving' };
      }
      const isTrue = leaf.kind !== 'truthy' || (value !== 0 && !Number.isNaN(value));
      return { verdict: isTrue ? 'true' : 'false', value };
    },
  );
  return {
    ...judge,
    before: leaf.kind === 'present' ? 'false' : 'unknown',
    turningPoints: finite(countsFrom),
  };
}

/** The selectors whose absence is asked for. */
function absentSelectors(node: Parameters<typeof childrenOf>[0]): Selector[] {
  if (node.kind === 'call' && node.function.startsWith('absent')) {
    return node.args.flatMap((arg) => (arg.kind === 'selector' ? [arg] : []));
  }
  return childrenOf(node).flatMap(absentSelectors);
}

/** `x increasing for 30m`. */
export function judgeTrend(leaf: LeafOf<'trend'>, env: Environment, context: JudgeContext): Judge {
  const { operand, direction, durationMs } = leaf;
  const { lateMs, stalenessMs } = context;
  const offsetMs = operand.offsetMs ?? 0;
  const series = selected(operand, env.series);
  for (const { samples } of series) {
    env.reads.push({ samples, offsetMs, keepMs: stalenessMs, isWindow: false, lateMs });
  }
  const slots = series.map(slotOf);
  let measured: (readonly Sample[])[] | null = null;
  const judge = judgeEach(
    slots,
    (time) => {
      // Times ascend: what the first window does not see, none sees.
      measured ??= series.map(({ samples }) =>
        measuredAfter(samples, time - offsetMs - durationMs, lateMs),
      );
    },
    (i, time) => {
      const own = measured?.[i] ?? [];
      const newest = own[newestIndex(own, time - offsetMs, lateMs)];
      const isFresh = newest !== undefined && time - offsetMs - newest.ts < stalenessMs;
      if (!isFresh) return withoutValue(slots[i], time, context);
      const found = directionOf(own, time - offsetMs, durationMs);
      if (found === null) return { verdict: 'unknown', value: null, reason: 'too_few_samples' };
      return { verdict: found === direction ? 'true' : 'false', value: null };
    },
  );
  return {
    ...judge,
    measure: (i, time) => slopeOf(measured?.[i] ?? [], time - offsetMs, durationMs),
  };
}

/**
 * `x is missing for 2m`: the series was seen and is silent for that long. One that has been silent
 * for all the window that is looked at counts only while its fellows are silent, too: else it was
 * given up (a disk that was taken out).
 */
export function judgeMissing(
  leaf: LeafOf<'missing'>,
  env: Environment,
  context: JudgeContext,
): Judge {
  const { operand, durationMs } = leaf;
  const series = selected(operand, env.series);
  const isAnySeen = series.some(({ samples }) => samples.length > 0);
  const watched = series.filter(({ samples }) => samples.length > 0 || !isAnySeen);
  const { lateMs } = context;
  for (const { samples } of watched) {
    env.reads.push({ samples, offsetMs: 0, keepMs: durationMs, isWindow: true, lateMs });
  }
  const countsFrom = context.receivingSince + durationMs;
  const judge = judgeEach(
    watched.map(slotOf),
    () => undefined,
    (i, time) => {
      const own = watched[i]?.samples ?? [];
      const newest = own[newestIndex(own, time, lateMs)];
      if (newest !== undefined && time - newest.ts < durationMs) {
        return { verdict: 'false', value: newest.value };
      }
      if (newest === undefined && own.length > 0) return { verdict: 'unknown', value: null };
      if (time < countsFrom) return { verdict: 'unknown', value: null, reason: 'not_receiving' };
      return { verdict: 'true', value: newest?.value ?? null };
    },
  );
  return { ...judge, turningPoints: finite(countsFrom) };
}

function slotOf(one: SeriesWindow): Slot {
  return { name: one.name, labels: one.tags, sources: [one] };
}

function finite(time: number): number[] {
  return Number.isFinite(time) ? [time] : [];
}
