import { randomUUID } from 'node:crypto';
import type { ActionPlan } from '../domain/action/action';
import { DEMOTED_APPROVAL } from '../domain/action/demotion';
import type { Policy, Verdict } from '../domain/policy/policy';
import type { Db } from '../storage/database';
import type { StoredPolicy } from '../storage/decision-facts';
import { loadDemotion } from '../storage/demotions';
import type { Ask } from './request-ask';
import { UNMANAGED } from './request-target';

/** The plan that the action would be bound to. */
export function planOf(
  { stored, resource, verdict }: Ask,
  correlationId: string | null,
): ActionPlan {
  const { policy, revision } = stored;
  const isDryRun = policy.mode === 'dry-run';
  return {
    actionId: randomUUID(),
    resource: resource.key,
    namespace: resource.namespace,
    policy: policy.key,
    policyRevision: revision,
    severity: verdict.severity,
    // A policy that only tells people may look at a resource without a manifest.
    spec: resource.spec ?? UNMANAGED,
    host: resource.host,
    steps: policy.steps,
    verify: policy.verify,
    // A dry run has no effect to approve: nobody is asked.
    approval: isDryRun ? null : policy.approval,
    dryRun: isDryRun,
    requestedBy: `policy:${policy.key}`,
    reason: reasonOf(policy, verdict),
    correlationId,
  };
}

/** A demoted policy asks for a yes before everything that it would do. */
export async function underTrust(
  db: Db,
  stored: StoredPolicy,
  plan: ActionPlan,
): Promise<ActionPlan> {
  if (plan.approval !== null || plan.dryRun) return plan;
  const demotion = await loadDemotion(db, { key: stored.policy.key, revision: stored.revision });
  if (demotion === null) return plan;
  const reason = `${plan.reason}; demoted: ${demotion.reason}`;
  return { ...plan, reason, approval: DEMOTED_APPROVAL };
}

function reasonOf(policy: Policy, verdict: Verdict): string {
  const evidence = verdict.evidence.find((e) => e.verdict === 'true');
  const seen = evidence === undefined ? '' : ` (${evidence.series} = ${String(evidence.value)})`;
  return `${policy.condition.text}${seen}`;
}
