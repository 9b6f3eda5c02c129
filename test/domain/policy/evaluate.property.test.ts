import fc from 'fast-check';
import type { Expression, ValueExpression } from '../../../domain/policy/ast';
import { assess, evaluate, type EvaluationInput } from '../../../domain/policy/evaluate';
import type { SeriesWindow } from '../../../domain/policy/series';
import type { Verdict, VerdictValue } from '../../../domain/policy/policy';
import { condition } from '../../support/conditions';

/**
 * Compares the evaluator with a model that asks every millisecond of a short history the naive way.
 */

const STALENESS = 12;
const LATE = 5;
const INTERVAL = 3;
const END = 60;
const HORIZON = 140;

/** One label set as the model sees it: its value at any time, and the series that are its attempts. */
interface Element {
  at: (t: number) => VerdictValue;
  sources: SeriesWindow[];
}

function usable(series: SeriesWindow, t: number): SeriesWindow['samples'] {
  const counted = series.samples.filter((s) => s.ts <= t && s.receivedAt - s.ts <= LATE);
  return counted.filter((s, i) => counted[i + 1]?.ts !== s.ts);
}

function instant(series: SeriesWindow, t: number): number | null {
  const newest = usable(series, t).at(-1);
  return newest === undefined || t - newest.ts >= STALENESS ? null : newest.value;
}

function any(values: VerdictValue[]): VerdictValue {
  return values.includes('true') ? 'true' : values.includes('false') ? 'false' : 'unknown';
}

function whole(expression: Expression, windows: SeriesWindow[]): (t: number) => VerdictValue {
  const all = elements(expression, windows);
  return (t) => any(all.map(({ at }) => at(t)));
}

function leaves(
  selector: ValueExpression,
  isTrue: (value: number) => boolean,
  windows: SeriesWindow[],
): Element[] {
  const read = windows.filter(
    ({ name }) => selector.kind === 'selector' && name === selector.metric,
  );
  return read.map((series) => ({
    sources: [series],
    at: (t) => {
      const value = instant(series, t);
      return value === null ? 'unknown' : isTrue(value) ? 'true' : 'false';
    },
  }));
}

function limitOf(value: ValueExpression): number {
  return value.kind === 'number' ? value.value : NaN;
}

function elements(expression: Expression, windows: SeriesWindow[]): Element[] {
  switch (expression.kind) {
    case 'present':
    case 'trend':
    case 'missing':
      throw new Error(`the model knows no ${expression.kind}`);
    case 'truthy':
      return leaves(expression.operand, (value) => value !== 0, windows);
    case 'compare': {
      const limit = limitOf(expression.right);
      return leaves(expression.left, (value) => value > limit, windows);
    }
    case 'and':
    case 'or': {
      const [left, right] = [whole(expression.left, windows), whole(expression.right, windows)];
      const decisive = expression.kind === 'and' ? 'false' : 'true';
      const at = (t: number): VerdictValue => {
        const values = [left(t), right(t)];
        if (values.includes(decisive)) return decisive;
        if (values.includes('unknown')) return 'unknown';
        return decisive === 'true' ? 'false' : 'true';
      };
      return [{ at, sources: read(expression, windows) }];
    }
    case 'not': {
      const operand = whole(expression.operand, windows);
      const flip = { true: 'false', false: 'true', unknown: 'unknown' } as const;
      return [{ at: (t) => flip[operand(t)], sources: read(expression, windows) }];
    }
    case 'for':
      return elements(expression.operand, windows).map(({ at, sources }) => ({
        sources,
        at: (t) => held(at, t, expression.durationMs),
      }));
    case 'forAttempts':
      return elements(expression.operand, windows).map(({ at, sources }) => ({
        sources,
        at: (t) => {
          const each = sources.map((series) =>
            tried(at, usable(series, t), t, expression.attempts),
          );
          return each.includes('false') ? 'false' : each.includes('true') ? 'true' : 'unknown';
        },
      }));
  }
}

function held(at: (t: number) => VerdictValue, t: number, durationMs: number): VerdictValue {
  const value = at(t);
  if (value !== 'true') return value;
  let start = t;
  while (start > -HORIZON && at(start - 1) === 'true') start -= 1;
  if (t - start >= durationMs) return 'true';
  return at(start - 1) === 'false' ? 'false' : 'unknown';
}

function tried(
  at: (t: number) => VerdictValue,
  samples: SeriesWindow['samples'],
  t: number,
  count: number,
): VerdictValue {
  const newest = samples.slice(-count);
  const last = newest.at(-1);
  if (last === undefined || t - last.ts >= STALENESS) return 'unknown';
  const matches = newest.map(({ ts }) => at(ts));
  if (matches.includes('false')) return 'false';
  const isComplete = newest.length === count && matches.every((match) => match === 'true');
  const isDense = t - (newest[0]?.ts ?? 0) < 2 * count * INTERVAL;
  return isComplete && isDense ? 'true' : 'unknown';
}

function read(expression: Expression, windows: SeriesWindow[]): SeriesWindow[] {
  const names = JSON.stringify(expression);
  return windows.filter(({ name }) => names.includes(`"metric":"${name}"`));
}

const CONDITIONS = [
  'a > 1',
  'a',
  'not a',
  'a and b > 1',
  'a or not b',
  '(a for 5ms) or b',
  'not (a for 4ms)',
  '((a and b) for 3ms) or b',
  '(((a for 3ms) or b) for 4ms) and a',
  'a > 0 for 3 attempts',
  'not a for 2 attempts',
  '(a or b) for 2 attempts',
  '(a for 3 attempts) and (b for 2ms)',
  '((a for 2ms) for 2 attempts) or not b',
];

const sample = fc
  .record({
    ts: fc.integer({ min: 0, max: END }),
    value: fc.integer({ min: 0, max: 2 }),
    lag: fc.integer({ min: 0, max: 7 }),
  })
  .map(({ ts, value, lag }) => ({ ts, value, receivedAt: ts + lag }));

const windows = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b'),
    tags: fc.record({ i: fc.constantFrom('x', 'y'), j: fc.constantFrom('1', '2') }),
    samples: fc.array(sample, { maxLength: 25 }).map((all) => all.sort((p, q) => p.ts - q.ts)),
  }),
  { maxLength: 4 },
);

const cases = fc.record({
  text: fc.constantFrom(...CONDITIONS),
  windows,
  now: fc.integer({ min: 0, max: END + 20 }),
});

function inputAt(series: SeriesWindow[], now: number): EvaluationInput {
  return {
    series,
    now,
    intervalMs: INTERVAL,
    previous: null,
    stalenessMs: STALENESS,
    lateMs: LATE,
  };
}

test('verdict, since and next change are those of the naive model', () => {
  fc.assert(
    fc.property(cases, ({ text, windows: series, now }) => {
      const { expression, forMs } = condition(text);
      const model = whole(expression, series);
      const answer = assess({ expression, forMs }, inputAt(series, now));
      const { verdict, since, nextChangeAt } = answer;
      expect(verdict).toBe(model(now));
      let start = now;
      while (start > -20 && model(start - 1) === verdict) start -= 1;
      expect(since).toBe(start === -20 ? now : start);
      let next = now + 1;
      while (next < HORIZON && model(next) === verdict) next += 1;
      // It may be early where many samples lie ahead, and is never late.
      expect(nextChangeAt ?? HORIZON).toBeLessThanOrEqual(next);
      if (nextChangeAt === null) expect(next).toBe(HORIZON);
    }),
    { numRuns: 1500 },
  );
});

test('evaluating step by step gives what evaluating the whole window gives', () => {
  const stepCases = fc.record({
    text: fc.constantFrom(...CONDITIONS),
    windows,
    steps: fc.uniqueArray(fc.integer({ min: 0, max: END + 20 }), { minLength: 2, maxLength: 30 }),
  });
  fc.assert(
    fc.property(stepCases, ({ text, windows: all, steps }) => {
      const series = all.map((one) => ({
        ...one,
        samples: one.samples.map((s) => ({ ...s, receivedAt: s.ts })),
      }));
      let previous: EvaluationInput['previous'] = null;
      for (const now of steps.sort((a, b) => a - b)) {
        const seen = series.map((one) => ({
          ...one,
          samples: one.samples.filter((s) => s.ts <= now),
        }));
        const fresh: Verdict = evaluate(condition(text), inputAt(seen, now));
        const next: Verdict = evaluate(condition(text), { ...inputAt(seen, now), previous });
        const hasBegun = fresh.verdict !== 'unknown';
        expect(next.verdict).toBe(fresh.verdict);
        if (hasBegun) expect(next.since).toBe(fresh.since);
        if (previous !== null) expect(next.since).toBeGreaterThanOrEqual(previous.since);
        previous = { verdict: next.verdict, since: next.since, evaluatedTo: now };
      }
    }),
    { numRuns: 500 },
  );
});

const orders = fc.array(fc.nat(), { minLength: 4, maxLength: 4 });

test('the order of series and of labels changes nothing', () => {
  fc.assert(
    fc.property(cases, orders, ({ text, windows: given, now }, order) => {
      const series = [
        ...new Map(given.map((one) => [`${one.name}${one.tags.i}${one.tags.j}`, one])).values(),
      ];
      const shuffled = series
        .map((one, i) => ({ one, place: order[i] ?? 0 }))
        .sort((p, q) => p.place - q.place)
        .map(({ one }) => ({
          ...one,
          tags: Object.fromEntries(Object.entries(one.tags).reverse()),
        }));
      expect(evaluate(condition(text), inputAt(shuffled, now))).toEqual(
        evaluate(condition(text), inputAt(series, now)),
      );
    }),
    { numRuns: 500 },
  );
});

test('since of a verdict never moves earlier while samples arrive late and out of order', () => {
  fc.assert(
    fc.property(cases, ({ text, windows: series }) => {
      let previous: EvaluationInput['previous'] = null;
      for (let now = 0; now <= END + 20; now += 3) {
        const seen = series.map((one) => ({
          ...one,
          samples: one.samples.filter((s) => s.receivedAt <= now),
        }));
        const verdict = evaluate(condition(text), { ...inputAt(seen, now), previous });
        expect(verdict.since).toBeLessThanOrEqual(now);
        if (previous !== null) expect(verdict.since).toBeGreaterThanOrEqual(previous.since);
        previous = { verdict: verdict.verdict, since: verdict.since, evaluatedTo: now };
      }
    }),
    { numRuns: 300 },
  );
});
