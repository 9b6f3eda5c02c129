import type { Expression, Selector, ValueExpression } from './ast';

/** Times are epoch ms. */
export interface Sample {
  ts: number;
  value: number;
  receivedAt: number;
}

/** What is known of one series. `samples` ascend by ts. */
export interface SeriesWindow {
  name: string;
  tags: Record<string, string>;
  samples: readonly Sample[];
}

/** Which samples count: both limits in milliseconds. */
export interface Freshness {
  /** A sample speaks for that long. */
  stalenessMs: number;
  /** A sample received later than that after its timestamp never counts. */
  lateMs: number;
}

/** Every selector of an expression, in the order in which it is written. */
export function selectorsOf(expression: Expression): Selector[] {
  switch (expression.kind) {
    case 'compare':
      return [expression.left, expression.right].filter(isSelector);
    case 'truthy':
      return [expression.operand];
    case 'and':
    case 'or':
      return [...selectorsOf(expression.left), ...selectorsOf(expression.right)];
    case 'not':
    case 'for':
    case 'forAttempts':
      return selectorsOf(expression.operand);
  }
}

export function isSelector(value: ValueExpression): value is Selector {
  return value.kind === 'selector';
}

/** An absent label counts as the empty string. */
export function matchesSelector(
  selector: Selector,
  series: { name: string; tags: Readonly<Record<string, string>> },
): boolean {
  if (series.name !== selector.metric) return false;
  return selector.matchers.every(
    ({ label, op, value }) => ((series.tags[label] ?? '') === value) === (op === '='),
  );
}

/** `http_up{resource="web"}`, as it is written in a condition. */
export function printSelector({ metric, matchers }: Selector): string {
  if (matchers.length === 0) return metric;
  const inner = matchers.map(({ label, op, value }) => `${label}${op}${JSON.stringify(value)}`);
  return `${metric}{${inner.join(',')}}`;
}

/** A series as people read it; its namespace is that of the resource it belongs to and is left out. */
export function printSeries(series: { name: string; tags: Record<string, string> }): string {
  return printSelector({
    kind: 'selector',
    at: 0,
    metric: series.name,
    matchers: sortedTags(series.tags)
      .filter(([label]) => label !== 'namespace')
      .map(([label, value]) => ({ label, op: '=', value })),
  });
}

/** Equal for equal label sets, whatever their order. */
export function labelSetKey(tags: Readonly<Record<string, string>>): string {
  return JSON.stringify(sortedTags(tags));
}

function sortedTags(tags: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Index of the newest sample at or before that time that was not late, or -1. */
export function newestIndex(samples: readonly Sample[], time: number, lateMs: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.ts ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  let index = low - 1;
  while (index >= 0 && isLate(samples[index], lateMs)) index -= 1;
  return index;
}

export function isLate(sample: Sample | undefined, lateMs: number): boolean {
  return sample !== undefined && sample.receivedAt - sample.ts > lateMs;
}

/** From `start` on this sample speaks for its series; null: none does. */
export interface Step {
  start: number;
  sample: Sample | null;
}

/** Which sample speaks when: the series as a step function from `from` on, staleness included. */
export function stepsOf(series: SeriesWindow, from: number, freshness: Freshness): Step[] {
  const { samples } = series;
  const { stalenessMs, lateMs } = freshness;
  const index = newestIndex(samples, from, lateMs);
  let speaking = samples[index] ?? null;
  if (speaking !== null && from - speaking.ts >= stalenessMs) speaking = null;
  const steps: Step[] = [{ start: from, sample: speaking }];
  for (let i = index + 1; i < samples.length; i += 1) {
    const sample = samples[i];
    if (sample === undefined || isLate(sample, lateMs)) continue;
    if (speaking !== null && sample.ts - speaking.ts > stalenessMs) {
      steps.push({ start: speaking.ts + stalenessMs, sample: null });
    }
    if (steps.at(-1)?.start === sample.ts) steps.pop();
    steps.push({ start: sample.ts, sample });
    speaking = sample;
  }
  if (speaking !== null) steps.push({ start: speaking.ts + stalenessMs, sample: null });
  return steps;
}
