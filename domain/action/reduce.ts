import type { ActionPlan, Outcome } from './action';
import { acting, onAnswered } from './reduce-answers';
import { onDesired, onVerdicts, type SeenVerdict } from './reduce-verdicts';
import {
  KNOWS_NOTHING,
  type ManualRequest,
  type PhaseState,
  type PolicyState,
  type RequestAnswer,
  type ResourceState,
  type Stage,
} from './resource-state';
import {
  askHeldAgain,
  forgetGone,
  isActing,
  isAsking,
  mapPolicies,
  mapPolicy,
  withManual,
  withoutManual,
} from './state-edits';

/** What happened, in the past tense. `handed` facts say that the shell carried an intent out. */
export type Fact =
  | { kind: 'verdictsChanged'; version: number; verdicts: SeenVerdict[] }
  | { kind: 'desiredChanged'; isDeleted: boolean }
  | { kind: 'slotGranted'; plan: ActionPlan; token: number }
  | { kind: 'gateLifted' }
  | {
      kind: 'actionFinished';
      actionId: string;
      policy: string | null;
      outcome: Outcome;
      cooldownUntil: number | null;
      backoffUntil: number | null;
    }
  | { kind: 'actAsked'; request: ManualRequest }
  | { kind: 'asked'; policy: string }
  | { kind: 'answered'; policy: string; answer: RequestAnswer }
  | { kind: 'manualAsked'; actionId: string }
  | { kind: 'manualAnswered'; actionId: string; answer: RequestAnswer }
  | { kind: 'childWanted'; actionId: string }
  | { kind: 'childStarted'; actionId: string }
  | { kind: 'recycled' }
  /** The run began with something else than verdicts: it does not know whether there are any. */
  | { kind: 'begunBlind' }
  | { kind: 'acknowledged'; version: number }
  | { kind: 'errandBegun'; actionId: string }
  | { kind: 'errandDone'; actionId: string };

type Reducers = {
  [Kind in Fact['kind']]: (
    state: ResourceState,
    fact: Extract<Fact, { kind: Kind }>,
    now: number,
  ) => ResourceState;
};

const REDUCERS: Reducers = {
  verdictsChanged: onVerdicts,
  desiredChanged: (state, fact, now) => onDesired(state, fact.isDeleted, now),
  slotGranted: (state, fact) => onGrant(state, fact.plan, fact.token),
  gateLifted: (state, _fact, now) => mapPolicies(state, (p) => askHeldAgain(p, now)),
  actionFinished: onFinished,
  actAsked: (state, { request }) =>
    withManual(state, request.actionId, { kind: 'wanted', request }),
  asked: (state, fact) =>
    mapPolicy(state, fact.policy, (p) => ({ ...p, phase: asking(p.phase), isWoken: false })),
  answered: (state, fact, now) => onAnswered(state, fact, now),
  manualAsked: (state, fact) => withManual(state, fact.actionId, { kind: 'asking' }),
  manualAnswered: (state, fact) => onManualAnswer(state, fact.actionId, fact.answer),
  childWanted: (state, fact) => withStage(state, fact.actionId, { kind: 'starting' }),
  childStarted: (state, fact) => withStage(state, fact.actionId, { kind: 'started' }),
  recycled: (state) => state,
  begunBlind: (state) => (state.version === 0 ? { ...state, toAcknowledge: KNOWS_NOTHING } : state),
  acknowledged: (state, fact) =>
    state.toAcknowledge === fact.version ? { ...state, toAcknowledge: null } : state,
  errandBegun: (state, fact) => ({
    ...state,
    errands: state.errands.map((e) =>
      e.actionId === fact.actionId ? { ...e, isUnderWay: true } : e,
    ),
  }),
  errandDone: (state, fact) => ({
    ...state,
    errands: state.errands.filter((e) => e.actionId !== fact.actionId),
  }),
};

/** The state after a fact; pure. `now` is epoch ms. */
export function reduce(state: ResourceState, fact: Fact, now: number): ResourceState {
  const reducer = REDUCERS[fact.kind] as (s: ResourceState, f: Fact, t: number) => ResourceState;
  return reducer(state, fact, now);
}

function onGrant(state: ResourceState, plan: ActionPlan, token: number): ResourceState {
  const { actionId, policy } = plan;
  if (isActing(state, actionId)) return state;
  const stage: Stage = { kind: 'wanted', plan, token };
  const phase = policy === null ? undefined : state.policies[policy]?.phase;
  // A run that lost its state may not know the policy (yet), or a late grant come while the policy
  // acts otherwise: what was granted still runs, and `begin` says whether it may act.
  if (policy === null || phase === undefined || phase.kind === 'acting') {
    return withManual(state, actionId, { kind: 'acting', stage });
  }
  return mapPolicy(state, policy, (p) => ({ ...p, phase: acting(plan, token) }));
}

function onManualAnswer(
  state: ResourceState,
  actionId: string,
  answer: RequestAnswer,
): ResourceState {
  if (answer.kind === 'start') {
    const stage: Stage = { kind: 'wanted', plan: answer.plan, token: answer.token };
    return withManual(state, actionId, { kind: 'acting', stage });
  }
  if (answer.kind === 'queued') return withManual(state, actionId, { kind: 'queued' });
  return withoutManual(state, actionId);
}

function withStage(state: ResourceState, actionId: string, stage: Stage): ResourceState {
  const manual = state.manual[actionId];
  // A grant that came before the policy was known, and its answer since, speak of the same action.
  const next =
    manual?.kind === 'acting' ? withManual(state, actionId, { ...manual, stage }) : state;
  return mapPolicies(next, (p) =>
    p.phase.kind === 'acting' && p.phase.actionId === actionId
      ? { ...p, phase: { ...p.phase, stage } }
      : p,
  );
}

function onFinished(
  state: ResourceState,
  fact: Extract<Fact, { kind: 'actionFinished' }>,
  now: number,
): ResourceState {
  const next = mapPolicies(withoutManual(state, fact.actionId), (p, key) =>
    isOwner(p, key, fact) ? { ...p, phase: afterAction(p, fact, now) } : askBusyAgain(p, now),
  );
  return forgetGone(next);
}

/** The policy that acted, or that lost track of its action. */
function isOwner(
  p: PolicyState,
  key: string,
  fact: { actionId: string; policy: string | null },
): boolean {
  if (p.phase.kind === 'acting') return p.phase.actionId === fact.actionId;
  if (p.phase.kind === 'firing' && p.phase.wait.kind === 'queued') {
    return p.phase.wait.actionId === fact.actionId;
  }
  return key === fact.policy && !isAsking(p.phase);
}

function afterAction(
  p: PolicyState,
  fact: { cooldownUntil: number | null; backoffUntil: number | null },
  now: number,
): PhaseState {
  if (fact.cooldownUntil !== null) return { kind: 'cooldown', until: fact.cooldownUntil };
  if (p.verdict === 'false') return { kind: 'inactive' };
  const askAt = Math.max(fact.backoffUntil ?? now, now);
  const hold = {
    gate: 'backoff' as const,
    detail: 'backing off after a failed attempt',
    until: askAt,
  };
  return { kind: 'firing', wait: { kind: 'held', hold, askAt } };
}

function askBusyAgain(p: PolicyState, now: number): PolicyState {
  const isBusy =
    isAsking(p.phase) ||
    (p.phase.kind === 'firing' &&
      p.phase.wait.kind === 'held' &&
      p.phase.wait.hold.gate === 'target_busy');
  return isBusy ? askHeldAgain(p, now) : p;
}

function asking(phase: PhaseState): PhaseState {
  return phase.kind === 'pending'
    ? { ...phase, isAsking: true }
    : { kind: 'firing', wait: { kind: 'asking' } };
}
