import { z } from 'zod';
import { isActive, nextChange, type Schedule } from '../../domain/calendar';
import type { MaintenanceWindow } from '../../domain/maintenance';
import { resourceKey, type ResourceName } from '../../domain/resource';
import type { SpecPlace } from './kinds';
import { compileRecurring } from './schedule';
import { anything, check, counted, given, isRecord, printed, type Context } from './shape';
import type { Path } from './source';
import { compileTarget } from './target';

export const maintenanceSchema = z.strictObject({
  target: anything,
  reason: z.string().trim().min(1, 'must say why nothing is done'),
  fixed: z.array(z.unknown()).default([]),
  recurring: anything,
});

const time = z
  .unknown()
  .optional()
  .transform((text, context): number => {
    const isTime = z.iso.datetime({ offset: true }).safeParse(text).success;
    if (isTime) return Date.parse(String(text));
    const message = `must be a time with its zone, such as 2027-03-28T02:00:00Z or 2027-03-28T02:00:00+01:00, not ${printed(text)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

export const spanSchema = z.strictObject({ from: time, to: time });

const NEVER_OPENS =
  'it never opens: write "fixed", such as [{ from: 2027-03-28T02:00:00Z, to: 2027-03-28T04:00:00Z }], or "recurring", such as { windows: ["Sun 02:00-04:00"] }';

/** Some day: what is open then and never closes is open every day. */
const ANY_DAY = Date.UTC(2026, 0, 1);

/** Compiles a MaintenanceWindow's `spec`; null after reporting what is wrong. */
export function compileMaintenance(
  id: ResourceName,
  { spec, path, context: outer }: SpecPlace,
): MaintenanceWindow | null {
  const { context, isFaulty } = counted(outer);
  const data = check(maintenanceSchema, spec, { path, context });
  if (!isRecord(spec)) return null;
  const target = compileTarget(given(spec['target']), [...path, 'target'], context);
  const spans: unknown[] = Array.isArray(spec['fixed']) ? spec['fixed'] : [];
  const fixed = spans.flatMap((span, i) => compileSpan(span, [...path, 'fixed', i], context));
  const recurring = compileRecurring(spec['recurring'], [...path, 'recurring'], context);
  if (data?.fixed.length === 0 && spec['recurring'] === undefined) {
    context.report(path, NEVER_OPENS, { part: 'key' });
  }
  if (data === null || target === null || isFaulty()) return null;
  if (recurring !== null && isAlwaysOpen(recurring)) {
    const message = 'it never closes: nothing is ever done to its targets';
    context.warn([...path, 'recurring'], message, { part: 'key' });
  }
  const { reason } = data;
  return { key: resourceKey(id.namespace, id.name), ...id, target, reason, fixed, recurring };
}

function compileSpan(value: unknown, path: Path, context: Context): MaintenanceWindow['fixed'] {
  const data = check(spanSchema, value, { path, context });
  if (data === null) return [];
  if (data.to > data.from) return [data];
  context.report([...path, 'to'], '"to" must be after "from"');
  return [];
}

function isAlwaysOpen(schedule: Schedule): boolean {
  return isActive(schedule, ANY_DAY) && nextChange(schedule, ANY_DAY) === null;
}
