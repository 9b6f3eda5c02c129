import type { Db } from '../storage/database';
import { loadWindows } from '../storage/windows';
import { evaluate, lookbackMs, selectorsOf, type SeriesWindow } from '../domain/policy/evaluate';
import type { Condition, Expression } from '../domain/policy/ast';
import type { Verdict } from '../domain/policy/policy';
import type { Resource } from '../domain/resource';

/** The stored samples that a condition reads of a resource, from `from` to now. */
export async function windowsOf(
  db: Db,
  resource: string,
  expression: Expression,
  range: { from: number; to: number },
): Promise<SeriesWindow[]> {
  const metrics = [...new Set(selectorsOf(expression).map((selector) => selector.metric))];
  return loadWindows(db, { resource, metrics, ...range });
}

/** The verdict of a condition on the stored samples, now. */
export async function verdictNow(
  db: Db,
  resource: Resource,
  condition: Condition,
  now: number,
): Promise<Verdict> {
  const from = now - lookbackMs(condition) - condition.forMs;
  const series = await windowsOf(db, resource.key, condition.expression, { from, to: now });
  return evaluate(condition, { series, now, intervalMs: intervalOf(resource), previous: null });
}

/** The interval that `for N attempts` counts in; null: the median gap of the series. */
export function intervalOf(resource: Resource): number | null {
  return resource.spec?.healthCheck?.intervalMs ?? null;
}
