import type { Severity, VerdictValue } from '../policy/policy';
import type { ClearReason, PhaseState, PolicyState, ResourceState } from './resource-state';
import {
  askHeldAgain,
  isAsking,
  mapPolicies,
  withErrand,
  withoutPolicy,
  withPolicy,
} from './state-edits';

export interface SeenVerdict {
  policy: string;
  policyRevision: number;
  verdict: VerdictValue;
  since: number;
  forMs: number;
  severity: Severity;
  conditionHash: string;
}

export function onVerdicts(
  state: ResourceState,
  fact: { version: number; verdicts: SeenVerdict[] },
  now: number,
): ResourceState {
  if (fact.version <= state.version) return { ...state, toAcknowledge: fact.version };
  const seen = new Set(fact.verdicts.map((v) => v.policy));
  let next: ResourceState = { ...state, version: fact.version };
  for (const verdict of fact.verdicts) next = onVerdict(next, verdict, now);
  for (const policy of Object.keys(next.policies)) {
    if (!seen.has(policy)) next = letGo(next, policy, 'deleted');
  }
  return next;
}

function onVerdict(state: ResourceState, seen: SeenVerdict, now: number): ResourceState {
  const before = state.policies[seen.policy];
  const { policy, ...rest } = seen;
  if (before === undefined) {
    const fresh: PolicyState = { ...rest, phase: { kind: 'inactive' }, isGone: false };
    return withPolicy(state, policy, entered(fresh, now));
  }
  const after: PolicyState = { ...before, ...rest, isGone: false };
  const meaningChanged = before.conditionHash !== seen.conditionHash || before.forMs !== seen.forMs;
  const errandFree = voidApproval(state, before, after);
  if (meaningChanged) {
    const released = withdrawQueued(errandFree, before.phase, 'policy_changed');
    return withPolicy(released, policy, entered({ ...after, phase: reset(before.phase) }, now));
  }
  if (seen.verdict === 'false') return onFalse(errandFree, policy, after);
  return withPolicy(errandFree, policy, entered(after, now));
}

/** Waiting phases start over; what runs or cools down stays. */
function reset(phase: PhaseState): PhaseState {
  return phase.kind === 'pending' || phase.kind === 'firing' ? { kind: 'inactive' } : phase;
}

/** A true verdict begins to wait out its `for`. */
function entered(p: PolicyState, now: number): PolicyState {
  if (p.verdict !== 'true') return p;
  if (p.phase.kind === 'inactive') {
    return { ...p, phase: { kind: 'pending', dueAt: p.since + p.forMs, isAsking: false } };
  }
  if (p.phase.kind === 'pending' && !p.phase.isAsking) {
    return { ...p, phase: { ...p.phase, dueAt: Math.max(p.since + p.forMs, now) } };
  }
  return p;
}

function onFalse(state: ResourceState, policy: string, p: PolicyState): ResourceState {
  switch (p.phase.kind) {
    case 'inactive':
    case 'cooldown':
      return withPolicy(state, policy, p);
    case 'pending':
      return withPolicy(
        state,
        policy,
        p.phase.isAsking ? p : { ...p, phase: { kind: 'inactive' } },
      );
    case 'firing': {
      if (p.phase.wait.kind === 'asking') return withPolicy(state, policy, p);
      const released = withdrawQueued(state, p.phase, 'cleared');
      return withPolicy(released, policy, { ...p, phase: { kind: 'inactive' } });
    }
    case 'acting':
      return tellIfAwaiting(withPolicy(state, policy, p), p.phase, 'cleared');
  }
}

/** Open approvals are void when the policy was edited. */
function voidApproval(
  state: ResourceState,
  before: PolicyState,
  after: PolicyState,
): ResourceState {
  return before.phase.kind === 'acting' && before.phase.policyRevision !== after.policyRevision
    ? tellIfAwaiting(state, before.phase, 'policy_changed')
    : state;
}

function tellIfAwaiting(
  state: ResourceState,
  phase: PhaseState,
  reason: ClearReason,
): ResourceState {
  if (phase.kind !== 'acting' || !phase.awaitsApproval) return state;
  return withErrand(state, { kind: 'tellCleared', actionId: phase.actionId, reason });
}

function withdrawQueued(
  state: ResourceState,
  phase: PhaseState,
  reason: ClearReason,
): ResourceState {
  if (phase.kind !== 'firing' || phase.wait.kind !== 'queued') return state;
  return withErrand(state, { kind: 'withdraw', actionId: phase.wait.actionId, reason });
}

/** A policy that no longer speaks of this resource: waiting ends, running work ends first. */
function letGo(state: ResourceState, policy: string, reason: ClearReason): ResourceState {
  const p = state.policies[policy];
  if (p === undefined) return state;
  const told = tellIfAwaiting(withdrawQueued(state, p.phase, reason), p.phase, reason);
  const isBusy = p.phase.kind === 'acting' || isAsking(p.phase);
  return isBusy
    ? withPolicy(told, policy, { ...p, isGone: true, verdict: 'false' })
    : withoutPolicy(told, policy);
}

export function onDesired(state: ResourceState, isDeleted: boolean, now: number): ResourceState {
  if (!isDeleted) {
    return mapPolicies({ ...state, isDeleted: false }, (p) => askHeldAgain(p, now));
  }
  return Object.keys(state.policies).reduce<ResourceState>(
    (next, policy) => letGo(next, policy, 'deleted'),
    { ...state, isDeleted: true },
  );
}
