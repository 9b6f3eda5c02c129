import type { Matcher, Selector, ValueExpression } from './ast';
import { printSelector, printValue } from './print';
import { sortedTags, type SeriesWindow } from './series';
import type { Slot } from './value/program';

/** A series as people read it; its namespace is that of the resource it belongs to and is left out. */
export function printSeries({ name, tags }: Pick<SeriesWindow, 'name' | 'tags'>): string {
  return printSelector({ kind: 'selector', at: 0, metric: name, matchers: matchersOf(tags) });
}

/**
 * A value with the label set it stands for: `avg_over_time(cpu_usage{host="a"}[2m])` for one that
 * comes from one series, else its own text and the labels of the group. Null: its text alone.
 */
export function printResolved(value: ValueExpression, slot: Slot | null): string {
  const [source, ...others] = slot?.sources ?? [];
  if (slot === null || source === undefined) return printValue(value);
  const isOwn = others.length === 0 && source.tags === slot.labels;
  if (isOwn) return printValue(resolved(value, source));
  const labels = printSeries({ name: '', tags: { ...slot.labels } });
  return labels === '' ? printValue(value) : `${printValue(value)} ${labels}`;
}

/** The expression as it reads that one series. */
function resolved(value: ValueExpression, source: SeriesWindow): ValueExpression {
  switch (value.kind) {
    case 'selector':
      return value.metric === source.name ? named(value, source) : value;
    case 'call':
      return { ...value, args: value.args.map((arg) => resolved(arg, source)) };
    case 'negate':
      return { ...value, operand: resolved(value.operand, source) };
    case 'arithmetic':
    case 'compare':
    case 'set':
      return { ...value, left: resolved(value.left, source), right: resolved(value.right, source) };
    case 'aggregate':
    case 'number':
      return value;
  }
}

function named(selector: Selector, { tags }: SeriesWindow): Selector {
  return { ...selector, matchers: matchersOf(tags) };
}

function matchersOf(tags: Readonly<Record<string, string>>): Matcher[] {
  return sortedTags(tags)
    .filter(([label]) => label !== 'namespace')
    .map(([label, value]) => ({ label, op: '=', value }));
}
