/**
 * The contract between the workflows and everyone who talks to them: queues, ids, message names
 * and message types. Plain data only; no runtime imports beyond domain types.
 */
import type { ActionPlan, Outcome } from '../domain/action/action';
import type { Severity, VerdictValue } from '../domain/policy/policy';

/** Task queue of workflows, control activities, and runtimes on the control host. */
export const CONTROL_QUEUE = 'control';

/** Task queue of the runtimes on one host: its own worker polls it, and nobody else. */
export function hostQueue(host: string): string {
  return `host/${host}`;
}

/** A host that does not take up an activity within this time is away. */
export const HOST_START_MS = 30_000;

/** `execute` may run this long; the reaper waits as long before it frees a slot whose effect had begun. */
export const EXECUTE_TIMEOUT_MS = 120_000;

/** Of `execute` and `restore`: a worker that was not heard for so long has lost its try. */
export const HEARTBEAT_TIMEOUT_MS = 5000;

/** Type of the failure of `execute` that says nothing of whether the effect happened. */
export const UNKNOWN_EFFECT = 'UnknownEffect';

/** Types of the failures of `execute` that say that nothing was done, and why. */
export const NO_EFFECT = { paused: 'Paused', hostAway: 'HostAway', late: 'Late' } as const;

export const RESOURCE_WORKFLOW = 'resourceWorkflow';
export const ACTION_WORKFLOW = 'actionWorkflow';
export const HOUSEKEEPING_WORKFLOW = 'housekeepingWorkflow';
export const HOUSEKEEPING_ID = 'housekeeping';

export function resourceWorkflowId(resource: string): string {
  return `resource/${resource}`;
}

export function actionWorkflowId(actionId: string): string {
  return `action/${actionId}`;
}

/** Facts: past tense, by signal. From outside Temporal only the dispatcher sends them, out of the outbox. */
export const SIGNALS = {
  verdictsChanged: 'verdictsChanged',
  desiredChanged: 'desiredChanged',
  slotGranted: 'slotGranted',
  gateLifted: 'gateLifted',
  actionFinished: 'actionFinished',
  recycled: 'recycled',
  /** To an action that waits for approval: its condition is no longer true. */
  conditionCleared: 'conditionCleared',
} as const;

/** Plain signals a person may send to an action from Temporal's CLI or Web UI; payload: optional comment. */
export const DECISION_SIGNALS = { approve: 'approve', reject: 'reject', cancel: 'cancel' } as const;

/** Commands, by Update. */
export const UPDATES = {
  /** To a resource, update-with-start: ManualAction → ManualAnswer. */
  act: 'act',
  /** To an action: SignedDecision → DecisionAnswer. */
  decide: 'decide',
} as const;

export const QUERIES = {
  /** To a resource → ResourceStatus. */
  status: 'status',
} as const;

export interface VerdictFact {
  policy: string;
  policyRevision: number;
  verdict: VerdictValue;
  /** Epoch ms. */
  since: number;
  forMs: number;
  severity: Severity;
  conditionHash: string;
}

/** The full verdict set of a resource, so that one message replaces all earlier ones. */
export interface VerdictsChanged {
  version: number;
  verdicts: VerdictFact[];
  correlationId: string | null;
}

export interface DesiredChanged {
  /** Revision of the manifests; `isDeleted`: the resource's manifest is gone. */
  revision: number;
  isDeleted: boolean;
}

/** Carries the whole plan, so that a workflow that lost its state can still run what was granted. */
export interface SlotGranted {
  token: number;
  plan: ActionPlan;
}

/** To an action that waits for approval: why it is not wanted any more. */
export interface ConditionCleared {
  reason: 'cleared' | 'policy_changed' | 'deleted';
}

export interface GateLifted {
  gate: string;
}

export interface ActionFinished {
  actionId: string;
  policy: string | null;
  outcome: Outcome;
  /** Epoch ms, or null. At most one is set. */
  cooldownUntil: number | null;
  backoffUntil: number | null;
}

export interface ManualAction {
  actionId: string;
  steps: { action: string; params: Record<string, string | number | boolean> }[];
  requestedBy: string;
  reason: string;
  dryRun: boolean;
  force: boolean;
  correlationId: string | null;
}

export type ManualAnswer =
  | { kind: 'started'; actionId: string }
  | { kind: 'queued'; actionId: string; gate: string; detail: string }
  | { kind: 'refused'; gate: string; detail: string };

/** `withdraw` takes back a yes of the same person. */
export type Decision = 'approve' | 'reject' | 'cancel' | 'withdraw';

/** A decision made through the API. `signature`: HMAC-SHA-256 (hex) of decisionText. */
export interface SignedDecision {
  decision: Decision;
  approver: string;
  comment: string | null;
  /** Epoch ms after which the signature is void. */
  expiresAt: number;
  signature: string;
  correlationId: string | null;
  /** Unlike any other sending's, so that a retried activity is told from a second use of a link. */
  sending?: string;
  /** Set when the decision came by a link: its nonce, and who had it made. */
  link?: { nonce: string; madeBy: string };
  /** Who sent it in the approver's name; absent: the approver. */
  sentBy?: string;
}

/** The text a decision's HMAC covers. */
export function decisionText(
  actionId: string,
  said: Pick<SignedDecision, 'approver' | 'decision' | 'expiresAt' | 'link' | 'sentBy'>,
): string {
  const { approver, decision, expiresAt, link, sentBy } = said;
  const isDirect = link === undefined && sentBy === undefined;
  const way = isDirect ? [] : [link?.nonce ?? null, link?.madeBy ?? null, sentBy ?? null];
  return JSON.stringify([actionId, approver, decision, expiresAt, ...way]);
}

export type DecisionAnswer =
  | { kind: 'accepted'; state: 'waiting' | 'approved' | 'rejected' | 'cancelled' }
  | { kind: 'refused'; reason: string };

/** Constants that tests shorten; durations in ms. */
export interface ResourceConstants {
  /** No timer is shorter than this. */
  floorMs: number;
  /** Continue as new after so many history events. */
  maxEvents: number;
  /** Its actions take a host that does not begin within this time as away. */
  hostStartMs?: number;
}

export interface ResourceInput {
  resource: string;
  constants?: Partial<ResourceConstants>;
  /** Set by continue-as-new only. */
  carried?: unknown;
}

export interface ActionInput {
  plan: ActionPlan;
  /** Set when the slot was granted before the start. */
  token: number | null;
  /** Default: HOST_START_MS. */
  hostStartMs?: number;
}

export interface PolicyStatus {
  policy: string;
  phase: 'inactive' | 'pending' | 'firing' | 'acting' | 'cooldown';
  /** What it waits for, for people; null when for nothing. */
  waitsFor: string | null;
  until: number | null;
  actionId: string | null;
}

export interface ResourceStatus {
  resource: string;
  policies: PolicyStatus[];
}

/** Search attributes; all Keyword but VigilPolicy (KeywordList). */
export const SEARCH_ATTRIBUTES = {
  VigilResource: 'Keyword',
  VigilPhase: 'Keyword',
  VigilPolicy: 'KeywordList',
  VigilSeverity: 'Keyword',
  VigilOutcome: 'Keyword',
} as const;
