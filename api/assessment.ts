import type { Condition } from '../domain/policy/ast';
import { evaluate, lookbackMs, selectorsOf, type EvaluationInput } from '../domain/policy/evaluate';
import { explain } from '../domain/policy/explain';
import type { PolicyRevision, Verdict } from '../domain/policy/policy';
import { isTarget } from '../domain/policy/targets';
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
  const metrics = [...new Set(selectorsOf(condition.expression).map(({ metric }) => metric))];
  const from = now - lookbackMs(condition, { intervalMs });
  const series = await loadWindows(pool, { resource, metrics, from, to: now });
  return judge(condition, { series, now, intervalMs, stored });
}

/** What a condition says of these series. */
export function judge(
  condition: Condition,
  known: Pick<EvaluationInput, 'series' | 'now' | 'intervalMs'> & { stored: VerdictRow | null },
): Judgement {
  const { stored, now } = known;
  const fresh = evaluate(condition, { ...known, previous: null });
  const verdict = { ...withoutNaN(fresh), since: sinceOf(fresh, condition.hash, stored) };
  const firesAt = verdict.since + condition.forMs;
  return {
    verdict,
    explanation: explain(condition, verdict, now),
    firesInMs: verdict.verdict === 'true' ? Math.max(0, firesAt - now) : null,
  };
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
