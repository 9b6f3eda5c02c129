import type { ActionPlan } from '../domain/action/action';
import type { Notice } from '../domain/notice';
import { insertAudit } from '../storage/audit';
import { inTransaction, type Db } from '../storage/database';
import { insertNotice } from '../storage/notices';
import { auditOf } from '../storage/requests';
import type { ActivityDeps } from './deps';

export function createNotifyActivities({ pool }: ActivityDeps) {
  return {
    /** A policy's step `notify`: writes what people are told. Channels tell it later; nobody waits for them. */
    async notify(input: { plan: ActionPlan; step: number }): Promise<{ summary: string }> {
      return inTransaction(pool, (db) => tellPeople(db, input.plan, input.step));
    },
  };
}

/**
 * Writes the notice and the audit row of a plan's step `notify` (0-based) in the caller's
 * transaction; a second call for the same action and step changes nothing. A dry run is audited
 * and tells nobody.
 */
export async function tellPeople(
  db: Db,
  plan: ActionPlan,
  step: number,
): Promise<{ summary: string }> {
  const notice = noticeOf(plan, step);
  if (!plan.dryRun) await insertNotice(db, notice);
  const { key, title, channel } = notice;
  const details = {
    ...{ key, title },
    ...(channel === null ? {} : { channel }),
    ...(plan.dryRun ? { dryRun: true } : {}),
  };
  await insertAudit(db, [auditOf(plan, 'notified', details, { step })]);
  return { summary: plan.dryRun ? `would tell: ${title}` : `told: ${title}` };
}

/** Each `notify` of a policy is an incident of its own, so that a later rung of a ladder is heard. */
function noticeOf(plan: ActionPlan, step: number): Notice & { channel: string | null } {
  const { policy, resource, actionId } = plan;
  const params = plan.steps[step]?.params ?? {};
  const text = (name: string): string | null =>
    params[name] === undefined ? null : String(params[name]);
  const once = `${actionId}/${step}`;
  return {
    kind: 'policy',
    key: policy === null ? `action:${once}` : `policy:${policy}:${resource}:${step}`,
    namespace: plan.namespace,
    resource,
    policy,
    actionId,
    severity: plan.severity,
    title: text('message') ?? `${resource}: ${plan.reason}`,
    text: [
      policy === null ? `Asked for by ${plan.requestedBy}.` : `Policy ${policy} on ${resource}.`,
      `Why: ${plan.reason}`,
      `Look: ./vigil why ${resource}`,
    ].join('\n'),
    isResolved: false,
    channel: text('channel'),
    once,
  };
}
