import type { ActionPlan } from './action';
import { severityRank } from '../policy/policy';
import { isAsking } from './state-edits';
import type { Errand, ManualRequest, PolicyState, ResourceState } from './resource-state';

/** What the workflow is to start now; carrying one out is reported back to `reduce` as a fact. */
export type Intent =
  | { kind: 'request'; policy: string }
  | { kind: 'requestManual'; request: ManualRequest }
  | { kind: 'startChild'; plan: ActionPlan; token: number | null }
  | { kind: 'errand'; errand: Errand }
  | { kind: 'acknowledge'; version: number };

/** The one pending timer: the earliest deadline (epoch ms), and what it is for. */
export interface Deadline {
  at: number;
  summary: string;
}

export interface Plan {
  /** The state with every deadline up to `now` taken into account. */
  state: ResourceState;
  intents: Intent[];
  deadline: Deadline | null;
  /** Nothing is under way and nothing is waited for. */
  isIdle: boolean;
}

/** What to do now, and when to look again; pure. */
export function plan(before: ResourceState, now: number): Plan {
  const state = endCooldowns(before, now);
  const policies = Object.entries(state.policies);
  const deadlines = policies.flatMap(([key, p]) => deadlineOf(key, p, now));
  return {
    state,
    intents: [
      ...policies.flatMap(([, p]) => childIntents(p)),
      ...policies
        .filter(([key, p]) => isDue(p, now) && !isWithdrawing(state, key))
        .map(([policy]): Intent => ({ kind: 'request', policy })),
      ...Object.values(state.manual).flatMap(manualIntents),
      ...state.errands
        .filter((errand) => isSendable(state, errand))
        .map((errand): Intent => ({ kind: 'errand', errand })),
      ...(state.toAcknowledge === null
        ? []
        : [{ kind: 'acknowledge', version: state.toAcknowledge } as const]),
    ],
    deadline: deadlines.reduce<Deadline | null>(
      (first, next) => (first === null || next.at < first.at ? next : first),
      null,
    ),
    isIdle: policies.every(([, p]) => p.phase.kind === 'inactive') && isEmpty(state.manual),
  };
}

/**
 * Of the policies that would ask now, those before whom no more severe one (then by name) asks: two
 * that ask at once race for the target, and the milder one might win. The others ask once it is
 * answered.
 */
export function inTurn({ intents, state }: Pick<Plan, 'intents' | 'state'>): Intent[] {
  const due = new Set(intents.flatMap((one) => (one.kind === 'request' ? [one.policy] : [])));
  const asking = Object.entries(state.policies).filter(
    ([key, { phase }]) => due.has(key) || isAsking(phase),
  );
  return intents.filter((intent) => {
    if (intent.kind !== 'request') return true;
    const own = state.policies[intent.policy];
    return (
      own === undefined || !asking.some(([key, p]) => goesBefore([key, p], [intent.policy, own]))
    );
  });
}

function goesBefore([a, p]: [string, PolicyState], [b, q]: [string, PolicyState]): boolean {
  const difference = severityRank(p.severity) - severityRank(q.severity);
  return difference < 0 || (difference === 0 && a < b);
}

/** Cooldown ends in firing if the verdict is still true, else inactive. */
function endCooldowns(state: ResourceState, now: number): ResourceState {
  const policies = Object.entries(state.policies).map(([key, p]): [string, PolicyState] => {
    if (p.phase.kind !== 'cooldown' || p.phase.until > now) return [key, p];
    if (p.verdict === 'false') return [key, { ...p, phase: { kind: 'inactive' } }];
    const hold = { gate: 'cooldown' as const, detail: 'the cooldown has ended', until: now };
    return [key, { ...p, phase: { kind: 'firing', wait: { kind: 'held', hold, askAt: now } } }];
  });
  return { ...state, policies: Object.fromEntries(policies) };
}

/** A new request would find the one that is being withdrawn. */
function isWithdrawing({ errands }: ResourceState, policy: string): boolean {
  return errands.some((errand) => errand.kind === 'withdraw' && errand.policy === policy);
}

/** An action that is being started cannot be told anything yet. */
function isSendable(state: ResourceState, { kind, actionId, isUnderWay }: Errand): boolean {
  const isStarting = Object.values(state.policies).some(
    ({ phase }) =>
      phase.kind === 'acting' && phase.actionId === actionId && phase.stage.kind !== 'started',
  );
  return !isUnderWay && (kind === 'withdraw' || !isStarting);
}

function childIntents({ phase }: PolicyState): Intent[] {
  if (phase.kind !== 'acting' || phase.stage.kind !== 'wanted') return [];
  return [{ kind: 'startChild', plan: phase.stage.plan, token: phase.stage.token }];
}

function isDue(p: PolicyState, now: number): boolean {
  const at = askAt(p);
  return at !== null && at <= now;
}

/** When the policy wants to ask for an action; unknown freezes the phase. */
function askAt({ phase, verdict }: PolicyState): number | null {
  if (verdict !== 'true') return null;
  if (phase.kind === 'pending') return phase.isAsking ? null : phase.dueAt;
  if (phase.kind === 'firing' && phase.wait.kind === 'held') return phase.wait.askAt;
  return null;
}

function manualIntents(manual: ResourceState['manual'][string]): Intent[] {
  if (manual.kind === 'wanted') return [{ kind: 'requestManual', request: manual.request }];
  if (manual.kind === 'acting' && manual.stage.kind === 'wanted') {
    const { plan: actionPlan, token } = manual.stage;
    return [{ kind: 'startChild', plan: actionPlan, token }];
  }
  return [];
}

function deadlineOf(policy: string, p: PolicyState, now: number): Deadline[] {
  if (p.phase.kind === 'cooldown') {
    return [{ at: p.phase.until, summary: `${policy}: cooling down` }];
  }
  const at = askAt(p);
  if (at === null || at <= now) return [];
  const why =
    p.phase.kind === 'firing' && p.phase.wait.kind === 'held'
      ? `held by ${p.phase.wait.hold.gate}`
      : 'must stay true before it fires';
  return [{ at, summary: `${policy}: ${why}` }];
}

function isEmpty(record: Record<string, unknown>): boolean {
  return Object.keys(record).length === 0;
}
