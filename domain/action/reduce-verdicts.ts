import type { Severity, VerdictValue } from '../policy/policy';
import type { ClearReason, PhaseState, PolicyState, ResourceState, Wait } from './resource-state';
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

const CALM = { isWoken: false, isGone: false } as const;

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
    const fresh: PolicyState = { ...rest, phase: { kind: 'inactive' }, ...CALM };
    return withPolicy(state, policy, entered(fresh, now));
  }
  const after: PolicyState = { ...before, ...rest, isGone: false };
  const meaningChanged = before.conditionHash !== seen.conditionHash || before.forMs !== seen.forMs;
  const isEdited = before.policyRevision < seen.policyRevision;
  const told = isEdited ? tellIfAwaiting(state, policy, 'policy_changed') : state;
  if (meaningChanged) return startOver(told, policy, after, now);
  if (seen.verdict === 'false') return onFalse(told, policy, after);
  if (isEdited) return reconsider(told, policy, after, now);
  return withPolicy(told, policy, entered(after, now));
}

/** Another condition: waiting phases start over; what runs or cools down stays. */
function startOver(
  state: ResourceState,
  policy: string,
  p: PolicyState,
  now: number,
): ResourceState {
  if (isAsking(p.phase)) return withPolicy(state, policy, { ...p, isWoken: true });
  const isWaiting = p.phase.kind === 'pending' || p.phase.kind === 'firing';
  const phase: PhaseState = isWaiting ? { kind: 'inactive' } : p.phase;
  const released = withdrawQueued(state, policy, 'policy_changed');
  return withPolicy(released, policy, entered({ ...p, phase }, now));
}

/** Other limits or steps: the phase stays, and whoever waits asks again under the new ones. */
function reconsider(
  state: ResourceState,
  policy: string,
  p: PolicyState,
  now: number,
): ResourceState {
  if (p.phase.kind !== 'firing' || p.phase.wait.kind !== 'queued') {
    return withPolicy(state, policy, entered(askHeldAgain(p, now), now));
  }
  const released = withdrawQueued(state, policy, 'policy_changed');
  const wait: Wait = { kind: 'held', hold: p.phase.wait.hold, askAt: now };
  return withPolicy(released, policy, { ...p, phase: { kind: 'firing', wait } });
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
      const released = withdrawQueued(state, policy, 'cleared');
      return withPolicy(released, policy, { ...p, phase: { kind: 'inactive' } });
    }
    case 'acting':
      return tellIfAwaiting(withPolicy(state, policy, p), policy, 'cleared');
  }
}

/** An approval that is open is void. */
function tellIfAwaiting(state: ResourceState, policy: string, reason: ClearReason): ResourceState {
  const phase = state.policies[policy]?.phase;
  if (phase?.kind !== 'acting' || !phase.awaitsApproval) return state;
  return withErrand(state, { kind: 'tellCleared', actionId: phase.actionId, policy, reason });
}

function withdrawQueued(state: ResourceState, policy: string, reason: ClearReason): ResourceState {
  const phase = state.policies[policy]?.phase;
  if (phase?.kind !== 'firing' || phase.wait.kind !== 'queued') return state;
  const { actionId } = phase.wait;
  return withErrand(state, { kind: 'withdraw', actionId, policy, reason });
}

/** A policy that no longer speaks of this resource: waiting ends, running work ends first. */
function letGo(state: ResourceState, policy: string, reason: ClearReason): ResourceState {
  const p = state.policies[policy];
  if (p === undefined) return state;
  const told = tellIfAwaiting(withdrawQueued(state, policy, reason), policy, reason);
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
