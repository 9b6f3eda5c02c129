import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Pool } from 'pg';
import type { ActionPlan } from '../domain/action/action';
import { capDetails } from '../domain/action/details';
import { manualExpression, verify } from '../domain/action/verify';
import type { WorseFacts } from '../domain/action/worse';
import { severityRank, type Policy } from '../domain/policy/policy';
import { readingOf } from '../domain/policy/reading';
import type { ServiceSpec } from '../domain/resource';
import { insertAudit } from '../storage/audit';
import { databaseNow } from '../storage/clock';
import { loadPolicyRevision, loadResource } from '../storage/decision-facts';
import { stepEnd } from '../storage/journal';
import { auditOf, showState } from '../storage/requests';
import { loadTurnedTrue, startVerification } from '../storage/verifications';
import { loadWindows } from '../storage/windows';
import type { ActivityDeps } from './deps';

/** Samples this long before the step's end say what each series' newest timestamp was then. */
const BEFORE_MS = 5 * 60_000;

export interface VerifyInput {
  plan: ActionPlan;
  step: number;
  /** What the step did, for the audit trail. */
  summary: string;
  details?: Record<string, unknown>;
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
      // What was begun is verified although its manifest is gone since: the plan says what it was.
      const resource = await loadResource(pool, plan.resource);
      const spec = resource?.spec ?? plan.spec;
      const answer = await lookOnce(pool, input, { stepEndedAt, spec });
      if (answer.kind === 'waiting') throw notYet(answer.why);
      const { outcome, why } = answer;
      const row = auditOf(plan, 'verified', { outcome, why }, { step: input.step, door: 'worker' });
      await insertAudit(pool, [row]);
      return { outcome, why };
    },
  };
}

async function lookOnce(
  pool: Pool,
  { plan, step }: VerifyInput,
  { stepEndedAt, spec }: { stepEndedAt: number; spec: ServiceSpec },
): Promise<ReturnType<typeof verify>> {
  const policy =
    plan.policy === null ? null : await loadPolicyRevision(pool, plan.policy, plan.policyRevision);
  const verb = plan.steps[step]?.action ?? '';
  const expression =
    policy?.condition.expression ?? manualExpression(verb, spec.healthCheck !== null);
  const reading = readingOf(policy ?? { condition: { text: '', hash: '', expression, forMs: 0 } });
  const now = await databaseNow(pool);
  const range = { from: stepEndedAt - Math.max(BEFORE_MS, reading.lookbackMs), to: now };
  const series = await loadWindows(pool, { resource: plan.resource, ...reading, ...range });
  return verify({
    expression,
    ...(policy?.condition.clear === undefined ? {} : { clear: policy.condition.clear }),
    series,
    stepEndedAt,
    now,
    intervalMs: spec.healthCheck?.intervalMs ?? null,
    verify: plan.verify,
    ...(policy === null ? {} : await worseFacts(pool, plan, { policy, stepEndedAt, now })),
  });
}

/** A person who acts by hand looks after what else that does. */
async function worseFacts(
  pool: Pool,
  plan: ActionPlan,
  { policy, stepEndedAt, now }: { policy: Policy; stepEndedAt: number; now: number },
): Promise<Pick<WorseFacts, 'grading' | 'others'>> {
  const { severity, grades = [] } = policy;
  const grading = { severity, grades, asked: plan.severity };
  // What an act shakes up has until then to settle.
  if (now < stepEndedAt + plan.verify.settleMs) return { grading };
  const { actionId, resource } = plan;
  const turned = await loadTurnedTrue(pool, { actionId, resource });
  const others = turned
    .filter(({ document, severity: other, since }) => {
      const isInUse = document.enabled !== false && document.key !== policy.key;
      const isAsSevere = severityRank(other) <= severityRank(plan.severity);
      return isInUse && isAsSevere && since + document.condition.forMs <= now;
    })
    .map((one) => one.policy);
  return { grading, others };
}

/** Writes the step's audit row; returns when the step ended, by the database's clock. */
async function markExecuted(
  pool: Pool,
  { plan, step, summary, details = {} }: VerifyInput,
): Promise<number> {
  await showState(pool, plan.actionId, 'verifying');
  const { action } = plan.steps[step] ?? { action: '' };
  const said = { action, summary, ...capDetails(details) };
  await insertAudit(pool, [auditOf(plan, 'executed', said, { step, door: 'worker' })]);
  const { actionId } = plan;
  const endedAt = await stepEnd(pool, actionId, step);
  return startVerification(pool, { actionId, step, endedAt });
}

function notYet(why: string): ApplicationFailure {
  return ApplicationFailure.create({
    message: why,
    type: 'NotYet',
    category: ApplicationFailureCategory.BENIGN,
  });
}
