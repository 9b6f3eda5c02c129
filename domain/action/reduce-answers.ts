import type { ActionPlan } from './action';
import type { ClearReason, PhaseState, PolicyState, RequestAnswer } from './resource-state';
import type { ResourceState } from './resource-state';
import { forgetGone, isAsking, withErrand, withPolicy } from './state-edits';

/** When a verdict said true and the stored samples did not: ask again after this long. */
const RECHECK_MS = 5000;

/** The answer to a policy's request; the verdict and the policy may have changed meanwhile. */
export function onAnswered(
  state: ResourceState,
  { policy, answer }: { policy: string; answer: RequestAnswer },
  now: number,
): ResourceState {
  const p = state.policies[policy];
  // A grant that came before the answer has the last word.
  if (p === undefined || !isAsking(p.phase)) return state;
  const stale = staleness(p, answer);
  const next = forgetGone(withPolicy(state, policy, answered(p, answer, { now, stale })));
  if (stale === null) return next;
  const kind = answer.kind === 'queued' ? 'withdraw' : 'tellCleared';
  return withErrand(next, { kind, actionId: stale.actionId, policy, reason: stale.reason });
}

interface Stale {
  actionId: string;
  reason: ClearReason;
}

/** Why what still waits, for a slot or for a person, is not wanted any more; null when it is. */
function staleness(p: PolicyState, answer: RequestAnswer): Stale | null {
  if (answer.kind !== 'queued' && answer.kind !== 'start') return null;
  const { actionId, approval, policyRevision } = answer.plan;
  const isWaiting = answer.kind === 'queued' || (approval !== null && answer.token === null);
  if (!isWaiting) return null;
  if (p.verdict === 'false') return { actionId, reason: p.isGone ? 'deleted' : 'cleared' };
  return policyRevision < p.policyRevision ? { actionId, reason: 'policy_changed' } : null;
}

function answered(
  p: PolicyState,
  answer: RequestAnswer,
  { now, stale }: { now: number; stale: Stale | null },
): PolicyState {
  if (answer.kind === 'start') return { ...p, phase: acting(answer.plan, answer.token) };
  if (answer.kind === 'gone') return { ...p, phase: { kind: 'inactive' }, verdict: 'false' };
  if (p.verdict === 'false') return { ...p, phase: { kind: 'inactive' } };
  return { ...p, phase: waiting(p, answer, { now, stale }) };
}

function waiting(
  p: PolicyState,
  answer: Exclude<RequestAnswer, { kind: 'start' | 'gone' }>,
  { now, stale }: { now: number; stale: Stale | null },
): PhaseState {
  switch (answer.kind) {
    case 'not_firing': {
      const inMs = p.isWoken ? 0 : (answer.firesInMs ?? RECHECK_MS);
      return { kind: 'pending', dueAt: now + inMs, isAsking: false };
    }
    case 'held': {
      const askAt = p.isWoken ? now : answer.hold.until;
      return { kind: 'firing', wait: { kind: 'held', hold: answer.hold, askAt } };
    }
    case 'queued': {
      const { hold, plan } = answer;
      return stale === null
        ? { kind: 'firing', wait: { kind: 'queued', actionId: plan.actionId, hold } }
        : { kind: 'firing', wait: { kind: 'held', hold, askAt: now } };
    }
  }
}

export function acting(plan: ActionPlan, token: number | null): PhaseState {
  return {
    kind: 'acting',
    actionId: plan.actionId,
    stage: { kind: 'wanted', plan, token },
    awaitsApproval: plan.approval !== null && token === null,
    policyRevision: plan.policyRevision,
  };
}
