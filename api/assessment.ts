import type { Condition } from '../domain/policy/ast';
import { evaluate, type EvaluationInput, type PreviousVerdict } from '../domain/policy/evaluate';
import { explain } from '../domain/policy/explain';
import type { PolicyRevision, Verdict } from '../domain/policy/policy';
import { readingOf, readsAbsence } from '../domain/policy/reading';
import { isTarget } from '../domain/policy/targets';
import { loadReceivingSince } from '../storage/control-plane';
import { loadPolicies, loadVerdicts, type VerdictRow } from '../storage/policies';
import type { ResourceRow } from '../storage/resources';
import { loadWindows } from '../storage/windows';
import type { ApiDeps } from './deps';

/** What a condition says at one time. */
export interface Judgement {
  verdict: Verdict;
  explanation: string;
  /** Until the trailing `for` is over; 0: it is; null: the verdict is not true. */
  firesInMs: number | null;
}

/** What one policy says of a resource now, from the stored samples. */
export interface Assessed extends PolicyRevision, Judgement {}

/** Evaluates every policy in use whose target the resource is. Changes nothing. */
export async function assessPolicies(deps: ApiDeps, resource: ResourceRow): Promise<Assessed[]> {
  const [policies, stored] = await Promise.all([
    loadPolicies(deps.pool, resource.namespace),
    loadVerdicts(deps.pool, resource.resource),
  ]);
  const targeting = policies.filter(
    ({ policy }) => policy.enabled !== false && isTarget(policy, resource),
  );
  return Promise.all(
    targeting.map((one) =>
      assessOne(deps, resource, { ...one, stored: stored.get(one.policy.key) ?? null }),
    ),
  );
}

/** Keys of the disabled policies that would look at the resource. */
export async function disabledPolicies(deps: ApiDeps, resource: ResourceRow): Promise<string[]> {
  const policies = await loadPolicies(deps.pool, resource.namespace);
  return policies
    .filter(({ policy }) => policy.enabled === false && isTarget(policy, resource))
    .map(({ policy }) => policy.key);
}

async function assessOne(
  deps: ApiDeps,
  resource: ResourceRow,
  { stored, ...revision }: PolicyRevision & { stored: VerdictRow | null },
): Promise<Assessed> {
  const now = deps.now();
  const { condition } = revision.policy;
  return { ...revision, ...(await judgeStored(deps, { condition, resource, now, stored })) };
}

export interface StoredQuestion {
  condition: Condition;
  resource: ResourceRow;
  /** Epoch ms. */
  now: number;
  /** The detector's last word, which may know of an older start; null: the samples alone say it. */
  stored: VerdictRow | null;
}

/** What a condition says of a resource by the stored samples. */
export async function judgeStored(
  { pool }: ApiDeps,
  { condition, resource: { resource, spec }, now, stored }: StoredQuestion,
): Promise<Judgement> {
  const intervalMs = spec?.healthCheck?.intervalMs ?? null;
  const reading = readingOf({ condition }, { intervalMs });
  const from = now - reading.lookbackMs;
  const series = await loadWindows(pool, { resource, ...reading, from, to: now });
  const receivingSince = readsAbsence(condition) ? await loadReceivingSince(pool) : -Infinity;
  const previous = latchedOf(condition, stored, from);
  return judge(condition, { series, now, intervalMs, stored, previous, receivingSince });
}

interface Known extends Omit<EvaluationInput, 'previous'> {
  stored: VerdictRow | null;
  /** What was true before the series begin; absent: the series alone say it. */
  previous?: PreviousVerdict | null;
}

/** What a condition says of these series. */
export function judge(condition: Condition, known: Known): Judgement {
  const { stored, now } = known;
  const fresh = evaluate(condition, { ...known, previous: known.previous ?? null });
  const verdict = { ...withoutNaN(fresh), since: sinceOf(fresh, condition.hash, stored) };
  const firesAt = verdict.since + condition.forMs;
  return {
    verdict,
    explanation: explain(condition, verdict, now),
    firesInMs: verdict.verdict === 'true' ? Math.max(0, firesAt - now) : null,
  };
}

/** What has fired stays true until it clears: the samples alone may no longer show that it fired. */
function latchedOf(
  { clear, keepFiringMs, hash }: Condition,
  stored: VerdictRow | null,
  from: number,
): PreviousVerdict | null {
  const isLatched = clear !== undefined || keepFiringMs !== undefined;
  if (!isLatched || stored?.verdict !== 'true' || stored.conditionHash !== hash) return null;
  return { verdict: 'true', since: stored.since, evaluatedTo: from };
}

/** The windows only reach back as far as the condition needs; the detector remembers the whole run. */
function sinceOf(fresh: Verdict, conditionHash: string, stored: VerdictRow | null): number {
  const isSameRun =
    stored !== null &&
    stored.conditionHash === conditionHash &&
    stored.verdict === fresh.verdict &&
    stored.since <= fresh.since;
  return isSameRun ? stored.since : fresh.since;
}

/** JSON has no NaN and no infinities. */
function withoutNaN(verdict: Verdict): Verdict {
  const finite = (value: number | null): number | null =>
    value === null || Number.isFinite(value) ? value : null;
  const evidence = verdict.evidence.map((one) => ({ ...one, value: finite(one.value) }));
  return { ...verdict, value: finite(verdict.value), evidence };
}
