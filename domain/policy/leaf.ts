import type { Expression } from './ast';
import { judgeCompare } from './judge-compare';
import { judgeAbsence, judgePresence, judgeMissing, judgeTrend } from './judge-series';
import type { Judge, JudgeContext } from './judge';
import { contains } from './selectors';
import type { SeriesWindow } from './series';
import { extend, type Segment, type Timeline } from './timeline';
import type { Environment } from './value/program';
import { instantsOf } from './value/instants';

/** The nodes that read samples; everything above them folds verdicts. */
export type Leaf = Extract<
  Expression,
  { kind: 'compare' | 'truthy' | 'present' | 'trend' | 'missing' }
>;

const LEAVES: ReadonlySet<string> = new Set(['compare', 'truthy', 'present', 'trend', 'missing']);

export function isLeaf(expression: Expression): expression is Leaf {
  return LEAVES.has(expression.kind);
}

export interface LeafContext extends JudgeContext {
  now: number;
  tickMs: number | null;
  ticksFrom: number;
}

/** One label set of a leaf over time. */
export interface LeafElement {
  name: string | null;
  labels: Readonly<Record<string, string>>;
  timeline: Timeline;
  /** The series whose samples are its attempts. */
  sources: readonly SeriesWindow[];
}

export interface LeafRun {
  elements: LeafElement[];
  /** The timelines are right up to here without new samples; null: for ever. */
  nextUnseen: number | null;
}

interface Reading {
  judge: Judge;
  environment: Environment;
  usesClock: boolean;
}

/** Makes a leaf ready for the context's series. */
function readLeaf(leaf: Leaf, context: LeafContext): Reading {
  const environment: Environment = {
    series: context.series,
    stalenessMs: context.stalenessMs,
    lateMs: context.lateMs,
    percentScale: 0.01,
    reads: [],
  };
  return { judge: judgeOf(leaf, environment, context), environment, usesClock: usesClock(leaf) };
}

function judgeOf(leaf: Leaf, environment: Environment, context: LeafContext): Judge {
  switch (leaf.kind) {
    case 'compare':
      return isAboutAbsence(leaf)
        ? judgeAbsence(leaf, environment, context)
        : judgeCompare(leaf, environment, context);
    case 'truthy':
    case 'present':
      return isAboutAbsence(leaf)
        ? judgeAbsence(leaf, environment, context)
        : judgePresence(leaf, environment, context);
    case 'trend':
      return judgeTrend(leaf, environment, context);
    case 'missing':
      return judgeMissing(leaf, environment, context);
  }
}

function isAboutAbsence(leaf: Leaf): boolean {
  return contains(leaf, (node) => node.kind === 'call' && node.function.startsWith('absent'));
}

function usesClock(leaf: Leaf): boolean {
  return contains(leaf, (node) => node.kind === 'call' && node.function === 'time');
}

/** The leaf's judge after it looked at now, or at the last change before. */
export function judgeNow(leaf: Leaf, context: LeafContext): Judge {
  const { judge, environment, usesClock: isTimed } = readLeaf(leaf, context);
  const { now, tickMs, ticksFrom } = context;
  const { reads } = environment;
  const { times } = instantsOf({ reads, from: now, now, usesClock: isTimed, tickMs, ticksFrom });
  const at = Math.min(times[0] ?? now, now);
  judge.run(at);
  const { measure } = judge;
  if (measure !== undefined) judge.slots.forEach((_slot, i) => (judge.values[i] = measure(i, at)));
  return judge;
}

/** What a leaf says over time, from `from` on (-Infinity: all that is known), label set by label set. */
export function runLeaf(leaf: Leaf, from: number, context: LeafContext): LeafRun {
  const { judge, environment, usesClock: isTimed } = readLeaf(leaf, context);
  const { now, tickMs, ticksFrom } = context;
  const { reads } = environment;
  const { times, nextUnseen } = instantsOf({
    reads,
    from,
    now,
    usesClock: isTimed,
    tickMs,
    ticksFrom,
  });
  const timelines = judge.slots.map((): Segment[] => [{ start: from, value: judge.before }]);
  for (const time of withStart([...times, ...turningPoints(judge, context)], { from, now })) {
    judge.run(time);
    const start = Math.max(time, from);
    timelines.forEach((timeline, i) => {
      extend(timeline, start, judge.verdicts[i] ?? 'unknown');
    });
  }
  const elements = judge.slots.map(({ name, labels, sources }, i) => ({
    name,
    labels,
    sources,
    timeline: timelines[i] ?? [],
  }));
  return { elements, nextUnseen };
}

/** Besides at its samples, a verdict may change when silence begins to count. */
function turningPoints(
  { turningPoints: own }: Judge,
  { silence, receivingSince, stalenessMs }: LeafContext,
): readonly number[] {
  const counts = receivingSince + stalenessMs;
  return silence !== 'unknown' && Number.isFinite(counts) ? [...own, counts] : own;
}

/** Where nothing happened before `from`, that is looked at itself; where nothing ever did, now is. */
function withStart(times: number[], { from, now }: { from: number; now: number }): number[] {
  const sorted = times.sort((a, b) => a - b);
  const first = sorted[0] ?? Infinity;
  if (from !== -Infinity) return first > from ? [from, ...sorted] : sorted;
  return first > now ? [now, ...sorted] : sorted;
}
