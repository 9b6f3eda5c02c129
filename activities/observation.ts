import type { Condition } from '../domain/policy/ast';
import { evaluate, type PreviousVerdict } from '../domain/policy/evaluate';
import type { Policy, Severity, Verdict } from '../domain/policy/policy';
import { readingOf, readsAbsence } from '../domain/policy/reading';
import { severityOf } from '../domain/policy/severity';
import type { Resource } from '../domain/resource';
import { loadReceivingSince } from '../storage/control-plane';
import type { Db } from '../storage/database';
import { loadVerdict, type StoredVerdict } from '../storage/decision-facts';
import { loadWindows } from '../storage/windows';

/** The verdict of a policy's condition on the stored samples, now, and how severe it is. */
export async function verdictNow(
  db: Db,
  resource: Resource,
  policy: Policy,
  now: number,
): Promise<Verdict & { severity: Severity }> {
  const { condition } = policy;
  const reading = readingOf(policy);
  const from = now - reading.lookbackMs - condition.forMs;
  const series = await loadWindows(db, { resource: resource.key, ...reading, from, to: now });
  const receivingSince = readsAbsence(condition) ? await loadReceivingSince(db) : -Infinity;
  const input = { series, now, intervalMs: intervalOf(resource), receivingSince };
  const stored = isLatched(condition) ? await loadVerdict(db, resource.key, policy.key) : null;
  // What is only kept is no reason to act: else each cooldown would end in another action on what is well.
  const wrong = { ...condition, keepFiringMs: 0 };
  const verdict = evaluate(wrong, { ...input, previous: latchedOf(stored, condition, from) });
  return { ...verdict, severity: severityOf(policy, input) };
}

/** What has fired stays true until it clears: the samples alone may no longer show that it fired. */
function isLatched({ clear }: Condition): boolean {
  return clear !== undefined;
}

function latchedOf(
  stored: StoredVerdict | null,
  condition: Condition,
  from: number,
): PreviousVerdict | null {
  if (stored?.verdict !== 'true' || stored.condition_hash !== condition.hash) return null;
  return { verdict: 'true', since: stored.since, evaluatedTo: Math.max(from, stored.updated_at) };
}

/** The interval that `for N attempts` counts in; null: the median gap of the series. */
function intervalOf(resource: Resource): number | null {
  return resource.spec?.healthCheck?.intervalMs ?? null;
}
