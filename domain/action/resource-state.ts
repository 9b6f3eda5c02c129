import type { ActionPlan, Hold } from './action';
import type { Severity, VerdictValue } from '../policy/policy';

/**
 * What the workflow of one resource remembers: plain data, carried over continue-as-new.
 * Times are epoch ms.
 */
export interface ResourceState {
  resource: string;
  /** Highest verdict version handled; older messages are ignored. */
  version: number;
  /** A version that arrived again: somebody wonders whether it was handled. */
  toAcknowledge: number | null;
  isDeleted: boolean;
  policies: Record<string, PolicyState>;
  /** Manual actions, by action id. */
  manual: Record<string, ManualState>;
  /** Requests to withdraw, actions to tell that they are not wanted. */
  errands: Errand[];
}

/** Acknowledged instead of a version by a run that was told of none: what was sent is sent again. */
export const KNOWS_NOTHING = 0;

export interface PolicyState {
  policyRevision: number;
  conditionHash: string;
  forMs: number;
  severity: Severity;
  verdict: VerdictValue;
  since: number;
  phase: PhaseState;
  /** While its request was under way something came that may make the answer old. */
  isWoken: boolean;
  /** The policy or its claim on this resource is gone; forgotten once nothing is acting. */
  isGone: boolean;
}

export type PhaseState =
  | { kind: 'inactive' }
  /** Waits out `for`; `isAsking`: the request activity is under way. */
  | { kind: 'pending'; dueAt: number; isAsking: boolean }
  | { kind: 'firing'; wait: Wait }
  | {
      kind: 'acting';
      actionId: string;
      stage: Stage;
      awaitsApproval: boolean;
      policyRevision: number;
    }
  | { kind: 'cooldown'; until: number };

export type Wait =
  | { kind: 'asking' }
  /** `askAt` null: until something lifts the gate. */
  | { kind: 'held'; hold: Hold; askAt: number | null }
  | { kind: 'queued'; actionId: string; hold: Hold };

/** A child that is wanted, being started, or running. */
export type Stage =
  | { kind: 'wanted'; plan: ActionPlan; token: number | null }
  | { kind: 'starting' }
  | { kind: 'started' };

export type ManualState =
  | { kind: 'wanted'; request: ManualRequest }
  | { kind: 'asking' }
  | { kind: 'queued' }
  | { kind: 'acting'; stage: Stage };

export interface ManualRequest {
  actionId: string;
  steps: ActionPlan['steps'];
  requestedBy: string;
  reason: string;
  dryRun: boolean;
  force: boolean;
  correlationId: string | null;
}

export interface Errand {
  kind: 'withdraw' | 'tellCleared';
  actionId: string;
  /** Asks for nothing new until its request is withdrawn. */
  policy: string;
  reason: ClearReason;
  isUnderWay: boolean;
}

export type ClearReason = 'cleared' | 'policy_changed' | 'deleted';

/** Answer to a request. `plan` is bound: an edit later does not change it. */
export type RequestAnswer =
  | { kind: 'not_firing'; verdict: VerdictValue; firesInMs: number | null }
  | { kind: 'held'; hold: Hold }
  | { kind: 'queued'; hold: Hold; plan: ActionPlan }
  | { kind: 'start'; plan: ActionPlan; token: number | null }
  | { kind: 'gone' };

export function emptyState(resource: string): ResourceState {
  return {
    resource,
    version: KNOWS_NOTHING,
    toAcknowledge: null,
    isDeleted: false,
    policies: {},
    manual: {},
    errands: [],
  };
}
