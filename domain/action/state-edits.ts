import type { Errand, PhaseState, PolicyState, ResourceState } from './resource-state';

/** Small pure edits of a ResourceState, shared by the reducers. */

export function isAsking(phase: PhaseState): boolean {
  return (
    (phase.kind === 'pending' && phase.isAsking) ||
    (phase.kind === 'firing' && phase.wait.kind === 'asking')
  );
}

export function isActing(state: ResourceState, actionId: string): boolean {
  return (
    state.manual[actionId]?.kind === 'acting' ||
    Object.values(state.policies).some(
      (p) => p.phase.kind === 'acting' && p.phase.actionId === actionId,
    )
  );
}

export function forgetGone(state: ResourceState): ResourceState {
  const kept = Object.entries(state.policies).filter(
    ([, p]) => !p.isGone || p.phase.kind === 'acting' || isAsking(p.phase),
  );
  return { ...state, policies: Object.fromEntries(kept) };
}

export function mapPolicies(
  state: ResourceState,
  change: (p: PolicyState, key: string) => PolicyState,
): ResourceState {
  const policies = Object.entries(state.policies).map(([key, p]) => [key, change(p, key)] as const);
  return { ...state, policies: Object.fromEntries(policies) };
}

export function mapPolicy(
  state: ResourceState,
  policy: string,
  change: (p: PolicyState) => PolicyState,
): ResourceState {
  const p = state.policies[policy];
  return p === undefined ? state : forgetGone(withPolicy(state, policy, change(p)));
}

export function withPolicy(state: ResourceState, policy: string, p: PolicyState): ResourceState {
  return { ...state, policies: { ...state.policies, [policy]: p } };
}

export function withoutPolicy(state: ResourceState, policy: string): ResourceState {
  const policies = Object.entries(state.policies).filter(([key]) => key !== policy);
  return { ...state, policies: Object.fromEntries(policies) };
}

export function withManual(
  state: ResourceState,
  actionId: string,
  manual: ResourceState['manual'][string],
): ResourceState {
  return { ...state, manual: { ...state.manual, [actionId]: manual } };
}

export function withoutManual(state: ResourceState, actionId: string): ResourceState {
  const manual = Object.entries(state.manual).filter(([key]) => key !== actionId);
  return { ...state, manual: Object.fromEntries(manual) };
}

export function withErrand(
  state: ResourceState,
  errand: Omit<Errand, 'isUnderWay'>,
): ResourceState {
  const isKnown = state.errands.some(
    (e) => e.actionId === errand.actionId && e.kind === errand.kind,
  );
  if (isKnown) return state;
  return { ...state, errands: [...state.errands, { ...errand, isUnderWay: false }] };
}

/** Something happened that may have lifted the gate, or lifts it before the answer says that it holds. */
export function askHeldAgain(p: PolicyState, now: number): PolicyState {
  if (isAsking(p.phase)) return { ...p, isWoken: true };
  if (p.phase.kind !== 'firing' || p.phase.wait.kind !== 'held') return p;
  return { ...p, phase: { kind: 'firing', wait: { ...p.phase.wait, askAt: now } } };
}
