import type { Comparison, Expression, NumberLiteral, Selector } from './ast';
import type { Evidence, VerdictValue } from './policy';
import {
  isSelector,
  labelSetKey,
  matchesSelector,
  newestIndex,
  printSelector,
  printSeries,
  stepsOf,
  type Freshness,
  type SeriesWindow,
  type Step,
} from './series';
import { extend, type Segment, type Timeline } from './timeline';

/** A comparison or a bare metric: the nodes that read samples. */
export type Leaf = Extract<Expression, { kind: 'compare' | 'truthy' }>;

/** One label set's share of a leaf: a test over the values of one series, or of a pair. */
export interface LeafTest {
  sources: readonly SeriesWindow[];
  judge: (values: readonly number[]) => VerdictValue;
  /** What a source's value is compared with, as text. */
  test: (source: number, values: readonly (number | null)[]) => string | undefined;
  /** Why `judge` says unknown although every source has a fresh sample. */
  unknownReason: 'unit_mismatch' | 'no_data';
}

/** Above this, a value is no ratio, and comparing it with a percentage would be a guess. */
const LARGEST_RATIO = 1.5;

const HOLDS: Record<Comparison, (left: number, right: number) => boolean> = {
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
};

const MIRRORED: Record<Comparison, Comparison> = {
  '>': '<',
  '>=': '<=',
  '<': '>',
  '<=': '>=',
  '==': '==',
  '!=': '!=',
};

/** NaN compares false, with everything. */
function compare(op: Comparison, left: number, right: number): VerdictValue {
  if (Number.isNaN(left) || Number.isNaN(right)) return 'false';
  return HOLDS[op](left, right) ? 'true' : 'false';
}

/** The tests of a leaf, one per label set, in the order of their names. */
export function testsOf(leaf: Leaf, series: readonly SeriesWindow[]): LeafTest[] {
  if (leaf.kind === 'truthy') {
    return matching(leaf.operand, series).map((source) => ({
      sources: [source],
      judge: ([value = NaN]) => compare('!=', value, 0),
      test: () => undefined,
      unknownReason: 'no_data',
    }));
  }
  const { left, op, right } = leaf;
  if (isSelector(left)) {
    return isSelector(right)
      ? pairTests(matching(left, series), op, matching(right, series))
      : numberTests(left, op, right, series);
  }
  return isSelector(right) ? numberTests(right, MIRRORED[op], left, series) : [];
}

function numberTests(
  selector: Selector,
  op: Comparison,
  literal: NumberLiteral,
  series: readonly SeriesWindow[],
): LeafTest[] {
  const isRatio = literal.isPercent && !selector.metric.endsWith('_percent');
  const threshold = isRatio ? literal.value / 100 : literal.value;
  const text = `${op} ${literal.value}${literal.isPercent ? '%' : ''}`;
  return matching(selector, series).map((source) => ({
    sources: [source],
    judge: ([value = NaN]) =>
      isRatio && value > LARGEST_RATIO ? 'unknown' : compare(op, value, threshold),
    test: () => text,
    unknownReason: 'unit_mismatch',
  }));
}

/** Pairs the series of equal label sets; one that finds no partner stays alone and is never judged. */
function pairTests(
  left: readonly SeriesWindow[],
  op: Comparison,
  right: readonly SeriesWindow[],
): LeafTest[] {
  const partners = new Map(right.map((series) => [labelSetKey(series.tags), series]));
  const tests = left.map((series): LeafTest => {
    const key = labelSetKey(series.tags);
    const partner = partners.get(key);
    partners.delete(key);
    return partner === undefined ? alone(series) : pair(series, op, partner);
  });
  return [...tests, ...[...partners.values()].map(alone)];
}

function pair(left: SeriesWindow, op: Comparison, right: SeriesWindow): LeafTest {
  return {
    sources: [left, right],
    judge: ([a = NaN, b = NaN]) => compare(op, a, b),
    test: (source, values) =>
      source === 0
        ? `${op} ${right.name} = ${values[1] ?? 'no sample'}`
        : `${MIRRORED[op]} ${left.name} = ${values[0] ?? 'no sample'}`,
    unknownReason: 'no_data',
  };
}

function alone(series: SeriesWindow): LeafTest {
  return {
    sources: [series],
    judge: () => 'unknown',
    test: () => undefined,
    unknownReason: 'no_data',
  };
}

function matching(selector: Selector, series: readonly SeriesWindow[]): SeriesWindow[] {
  const found = series.filter((one) => matchesSelector(selector, one));
  if (found.length < 2) return found;
  const named = found.map((one) => ({ one, name: printSeries(one) }));
  return named.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ one }) => one);
}

/** What a test says over time, from `from` on. */
export function timelineOf(test: LeafTest, from: number, freshness: Freshness): Timeline {
  const [first, second] = test.sources.map((source) => stepsOf(source, from, freshness));
  const timeline: Segment[] = [];
  for (const { start, samples } of merge(first ?? [], second)) {
    const isKnown = samples.every((sample) => sample !== null);
    extend(timeline, start, isKnown ? test.judge(samples.map((s) => s.value)) : 'unknown');
  }
  return timeline;
}

interface MergedStep {
  start: number;
  samples: Step['sample'][];
}

function merge(first: readonly Step[], second: readonly Step[] | undefined): MergedStep[] {
  if (second === undefined) return first.map(({ start, sample }) => ({ start, samples: [sample] }));
  const starts = new Set([...first, ...second].map(({ start }) => start));
  const cursors = [cursorOver(first), cursorOver(second)];
  return [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({ start, samples: cursors.map((sampleAt) => sampleAt(start)) }));
}

/** Which sample speaks, asked for ascending times. */
function cursorOver(steps: readonly Step[]): (time: number) => Step['sample'] {
  let cursor = 0;
  return (time) => {
    while ((steps[cursor + 1]?.start ?? Infinity) <= time) cursor += 1;
    return steps[cursor]?.sample ?? null;
  };
}

/** What a leaf rests on at that time: one row per series it reads, or one that says there is none. */
export function evidenceOf(
  leaf: Leaf,
  series: readonly SeriesWindow[],
  now: number,
  freshness: Freshness,
): Evidence[] {
  const tests = testsOf(leaf, series);
  const rows = tests.flatMap((test) => testEvidence(test, now, freshness));
  const selectors = leaf.kind === 'truthy' ? [leaf.operand] : [leaf.left, leaf.right];
  for (const selector of selectors.filter(isSelector)) {
    if (!series.some((one) => matchesSelector(selector, one))) {
      const name = printSelector(selector);
      rows.push({ series: name, ...NOTHING, verdict: 'unknown', reason: 'no_data' });
    }
  }
  return rows;
}

const NOTHING = { value: null, ts: null, receivedAt: null };

function testEvidence(test: LeafTest, now: number, freshness: Freshness): Evidence[] {
  const newest = test.sources.map(
    ({ samples }) => samples[newestIndex(samples, now, freshness.lateMs)] ?? null,
  );
  const fresh = newest.map((s) => s !== null && now - s.ts < freshness.stalenessMs);
  const values = newest.map((sample) => sample?.value ?? null);
  const isKnown = fresh.every((isFresh) => isFresh);
  const verdict = isKnown ? test.judge(values.map((value) => value ?? NaN)) : 'unknown';
  return test.sources.map((source, i) => {
    const sample = newest[i];
    const text = test.test(i, values);
    const reason = sample
      ? fresh[i] === true
        ? isKnown && test.unknownReason
        : 'stale'
      : 'no_data';
    return {
      series: printSeries(source),
      ...(sample ? { value: sample.value, ts: sample.ts, receivedAt: sample.receivedAt } : NOTHING),
      verdict,
      ...(text === undefined ? {} : { test: text }),
      ...(verdict === 'unknown' && reason !== false ? { reason } : {}),
    };
  });
}
