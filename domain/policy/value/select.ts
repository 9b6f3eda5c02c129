import type { Matcher, Selector } from '../ast';
import type { Window, WindowFunction } from '../functions/window';
import {
  countUpTo,
  matchesSelector,
  measuredAfter,
  newestIndex,
  selected,
  type Sample,
} from '../series';
import { vector, type Environment, type Slot, type VectorProgram } from './program';

/** The newest value of each series that is not older than the staleness, nor ended by a marker. */
export function selectNewest(selector: Selector, env: Environment): VectorProgram {
  return newest(selector, env, ({ value }) => value, true);
}

/** The timestamps of the same samples, in seconds. */
export function selectTimestamps(selector: Selector, env: Environment): VectorProgram {
  return newest(selector, env, ({ ts }) => ts / 1000, false);
}

function newest(
  selector: Selector,
  env: Environment,
  read: (sample: Sample) => number,
  keepsName: boolean,
): VectorProgram {
  const { lateMs, stalenessMs } = env;
  const offsetMs = selector.offsetMs ?? 0;
  const series = selected(selector, env.series);
  for (const { samples } of series) {
    env.reads.push({ samples, offsetMs, keepMs: stalenessMs, isWindow: false, lateMs });
  }
  const slots = series.map((one): Slot => ({
    name: keepsName ? one.name : null,
    labels: one.tags,
    sources: [one],
  }));
  return vector(slots, (time, { values, present }) => {
    const at = time - offsetMs;
    for (let i = 0; i < series.length; i += 1) {
      const own = series[i]?.samples ?? [];
      const sample = own[newestIndex(own, at, lateMs)];
      const isFresh = sample !== undefined && at - sample.ts < stalenessMs;
      present[i] = isFresh && sample.isStale !== true;
      if (present[i] === true && sample !== undefined) values[i] = read(sample);
    }
  });
}

export interface WindowCall {
  compute: WindowFunction;
  /** Values of the call's scalars at a time. */
  argsAt: (time: number) => readonly number[];
  keepsName: boolean;
}

/** A function over the samples of each series in (t - range, t]; a series without any has no value. */
export function selectWindow(
  selector: Selector,
  { compute, argsAt, keepsName }: WindowCall,
  env: Environment,
): VectorProgram {
  const offsetMs = selector.offsetMs ?? 0;
  const rangeMs = selector.rangeMs ?? 0;
  const series = selected(selector, env.series);
  const { lateMs } = env;
  for (const { samples } of series) {
    env.reads.push({ samples, offsetMs, keepMs: rangeMs, isWindow: true, lateMs });
    // The window is empty before the series counts as silent: that is a change of its own.
    if (rangeMs < env.stalenessMs) {
      env.reads.push({ samples, offsetMs, keepMs: env.stalenessMs, isWindow: false, lateMs });
    }
  }
  let windows: Window[] | null = null;
  const slots = series.map((one): Slot => ({
    name: keepsName ? one.name : null,
    labels: one.tags,
    sources: [one],
  }));
  return vector(slots, (time, { values, present }) => {
    const args = argsAt(time);
    // Times ascend: what the first window does not see, none sees.
    windows ??= series.map(({ samples }) =>
      windowOver(measuredAfter(samples, time - offsetMs - rangeMs, lateMs)),
    );
    windows.forEach((window, i) => {
      moveTo(window, time, { offsetMs, rangeMs });
      const value = window.to > window.from ? compute(window, args) : null;
      present[i] = value !== null;
      if (value !== null) values[i] = value;
    });
  });
}

function windowOver(samples: readonly Sample[]): Window {
  return { samples, from: 0, to: 0, startMs: 0, endMs: 0, atMs: 0 };
}

function moveTo(
  window: Window,
  time: number,
  { offsetMs, rangeMs }: { offsetMs: number; rangeMs: number },
): void {
  window.atMs = time;
  window.endMs = time - offsetMs;
  window.startMs = window.endMs - rangeMs;
  window.from = countUpTo(window.samples, window.startMs);
  window.to = countUpTo(window.samples, window.endMs);
}

/**
 * `absent` and `absent_over_time`: 1 while the operand has no value, with the labels that the
 * selector's equalities name.
 */
export function absentOf(operand: VectorProgram, selector: Selector | null): VectorProgram {
  const sources = operand.slots.flatMap((slot) => slot.sources);
  const slot: Slot = { name: null, labels: absentLabels(selector), sources, isAbsence: true };
  return vector([slot], (time, { values, present }) => {
    operand.run(time);
    values[0] = 1;
    present[0] = !operand.present.includes(true);
  });
}

/**
 * What the equalities name. A label with another matcher behind its equality says nothing, and
 * Prometheus reads exclusions last.
 */
function absentLabels(selector: Selector | null): Record<string, string> {
  const labels = new Map<string, string>();
  const named = new Set<string>();
  for (const { label, op, value } of exclusionsLast(selector?.matchers ?? [])) {
    if (op === '=' && !named.has(label)) {
      labels.set(label, value);
      named.add(label);
    } else {
      labels.delete(label);
    }
  }
  return Object.fromEntries([...labels].filter(([, value]) => value !== ''));
}

/** The order in which Prometheus' index looks matchers up: those that subtract come last. */
function exclusionsLast(matchers: readonly Matcher[]): Matcher[] {
  const required = new Set(matchers.filter((one) => !allowsNone(one)).map(({ label }) => label));
  const subtracts = (one: Matcher): boolean =>
    !required.has(one.label) || (one.op.startsWith('!') && allowsNone(one));
  return [...matchers.filter((one) => !subtracts(one)), ...matchers.filter(subtracts)];
}

/** Whether a series without the label matches. */
function allowsNone({ label, op, value }: Matcher): boolean {
  const matchers = [{ label, op, value }];
  return matchesSelector({ kind: 'selector', at: 0, metric: '', matchers }, { name: '', tags: {} });
}
