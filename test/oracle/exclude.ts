import type { Aggregate, Selector, ValueExpression } from '../../domain/policy/ast';
import { instantValue, type InstantSample } from '../../domain/policy/instant';
import { childrenOf } from '../../domain/policy/selectors';
import { windowsOf } from './dataset';
import type { ValueCase } from './values';

/** Why promtool's answer is no measure for this case; null: it is. */
export function exclusionOf(of: ValueCase): string | null {
  if (hasTie(of)) return 'topk or bottomk among equal values';
  return isAbsentUnread(of) ? 'absent of a label named twice, before all data' : null;
}

/**
 * `absent(x{a!="b", a="c"})`: Prometheus labels the result by the order of the matchers, which it
 * changes whenever it looks them up in its index; before the first sample it does not look.
 */
function isAbsentUnread({ dataset, expression, atMs }: ValueCase): boolean {
  const asked = absentNamedTwice(expression);
  if (asked.length === 0) return false;
  const starts = windowsOf(dataset).map(({ samples }) => samples[0]?.ts ?? Infinity);
  const first = Math.min(...starts) - dataset.startMs;
  return asked.some(({ offsetMs = 0 }) => atMs - offsetMs < first);
}

/** What absent and absent_over_time look at when some label has two matchers. */
export function absentNamedTwice(expression: ValueExpression): Selector[] {
  return selectorsOfAbsent(expression).filter(({ matchers }) => {
    const labels = matchers.map(({ label }) => label);
    return new Set(labels).size < labels.length;
  });
}

function selectorsOfAbsent(node: ValueExpression): Selector[] {
  const below = childrenOf(node).flatMap((child) => selectorsOfAbsent(child as ValueExpression));
  const isAbsent = node.kind === 'call' && node.function.startsWith('absent');
  const own = isAbsent ? node.args.filter((arg) => arg.kind === 'selector') : [];
  return [...own, ...below];
}

/**
 * Whether some topk or bottomk in it has to choose among equal values: Prometheus then takes the
 * series that it happens to meet first.
 */
function hasTie({ dataset, expression, atMs }: ValueCase): boolean {
  const ranked = aggregatesOf(expression).filter(({ op }) => op === 'topk' || op === 'bottomk');
  if (ranked.length === 0) return false;
  const series = windowsOf(dataset);
  const time = dataset.startMs + atMs;
  return ranked.some(({ op, operand, parameter, grouping }) => {
    const count = parameter === undefined ? null : instantValue(parameter, { series }, time);
    const found = instantValue(operand, { series }, time);
    if (count?.kind !== 'scalar' || found.kind !== 'vector') return false;
    const groups = groupsOf(found.samples, grouping);
    return groups.some((values) => isTied(sorted(values, op === 'topk'), Math.trunc(count.value)));
  });
}

function aggregatesOf(node: ValueExpression): Aggregate[] {
  const below = childrenOf(node).flatMap((child) => aggregatesOf(child as ValueExpression));
  return node.kind === 'aggregate' ? [node, ...below] : below;
}

function groupsOf(samples: readonly InstantSample[], grouping: Aggregate['grouping']): number[][] {
  const groups = new Map<string, number[]>();
  for (const { labels, value } of samples) {
    const pairs = Object.entries(labels).filter(([label]) => {
      const isNamed = grouping?.labels.includes(label) === true;
      return grouping !== undefined && isNamed === (grouping.mode === 'by');
    });
    const key = JSON.stringify(pairs.sort());
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return [...groups.values()];
}

/** The best first; NaN last. */
function sorted(values: readonly number[], isDescending: boolean): number[] {
  const isLast = (value: number): boolean => Number.isNaN(value);
  return [...values].sort((a, b) => {
    if (isLast(a) || isLast(b)) return Number(isLast(a)) - Number(isLast(b));
    if (a === b) return 0;
    return a > b === isDescending ? -1 : 1;
  });
}

function isTied(values: readonly number[], count: number): boolean {
  const [last, next] = [values[count - 1], values[count]];
  if (last === undefined || next === undefined) return false;
  return last === next || (Number.isNaN(last) && Number.isNaN(next));
}
