import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ActionPlan } from '../domain/action/action';
import type { Condition } from '../domain/policy/ast';
import { lookbackMs } from '../domain/policy/lookback';
import { expressionsOf } from '../domain/policy/selectors';
import { manualExpression, verify } from '../domain/action/verify';
import { databaseNow } from '../storage/clock';
import { insertAudit } from '../storage/audit';
import { loadPolicyRevision, loadResource } from '../storage/decision-facts';
import { auditOf, showState } from '../storage/requests';
import type { ActivityDeps } from './deps';
import type { Pool } from 'pg';
import { stepEnd } from '../storage/journal';
import { intervalOf, windowsOf } from './observation';

/** Samples this long before the step's end say what each series' newest timestamp was then. */
const BEFORE_MS = 5 * 60_000;

export interface VerifyInput {
  plan: ActionPlan;
  step: number;
  /** What the step did, for the audit trail. */
  summary: string;
}

export interface VerifyReply {
  outcome: 'succeeded' | 'failed' | 'inconclusive';
  why: string;
}

export function createVerifyActivities({ pool }: ActivityDeps) {
  return {
    /** Looks once; "not yet" is a benign error, retried a second later. */
    async verify(input: VerifyInput): Promise<VerifyReply> {
      const { plan } = input;
      const stepEndedAt = await markExecuted(pool, input);
      const resource = await loadResource(pool, plan.resource);
      if (resource === null) {
        return { outcome: 'inconclusive', why: 'the manifest is gone: nothing says what is right' };
      }
      const hasHealthCheck = resource.spec !== null && resource.spec.healthCheck !== null;
      const verb = plan.steps[input.step]?.action ?? '';
      const bound = await boundCondition(plan);
      const expression = bound?.expression ?? manualExpression(verb, hasHealthCheck);
      const asked = bound === null ? [expression] : expressionsOf(bound);
      const now = await databaseNow(pool);
      const lookback = lookbackMs({ expression, forMs: 0 });
      const range = { from: stepEndedAt - Math.max(BEFORE_MS, lookback), to: now };
      const series = await windowsOf(pool, plan.resource, asked, range);
      const answer = verify({
        expression,
        ...(bound?.clear === undefined ? {} : { clear: bound.clear }),
        series,
        stepEndedAt,
        now,
        intervalMs: intervalOf(resource),
        verify: plan.verify,
      });
      if (answer.kind === 'waiting') throw notYet(answer.why);
      const { outcome, why } = answer;
      const row = auditOf(plan, 'verified', { outcome, why }, { step: input.step, door: 'worker' });
      await insertAudit(pool, [row]);
      return { outcome, why };
    },
  };

  async function boundCondition(plan: ActionPlan): Promise<Condition | null> {
    if (plan.policy === null) return null;
    const policy = await loadPolicyRevision(pool, plan.policy, plan.policyRevision);
    return policy?.condition ?? null;
  }
}

/** Writes the step's audit row; returns the database's clock when the step ended. */
async function markExecuted(pool: Pool, { plan, step, summary }: VerifyInput): Promise<number> {
  await showState(pool, plan.actionId, 'verifying');
  const { action } = plan.steps[step] ?? { action: '' };
  await insertAudit(pool, [
    auditOf(plan, 'executed', { action, summary }, { step, door: 'worker' }),
  ]);
  return (await stepEnd(pool, plan.actionId, step)) ?? (await databaseNow(pool));
}

function notYet(why: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: why,
    type: 'NotYet',
    category: ApplicationFailureCategory.BENIGN,
  });
}
