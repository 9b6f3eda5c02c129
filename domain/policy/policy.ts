import type { Schedule } from '../calendar';
import type { Condition, Expression } from './ast';

/** `namespace/name` of a policy. */
export type PolicyKey = string;

export type Severity = 'info' | 'warning' | 'critical';

/** Worst first: the order in which conflicts are settled and slots are granted. */
export const SEVERITIES: readonly Severity[] = ['critical', 'warning', 'info'];

/** 0 for the worst severity. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** While its expression holds, a true verdict is that severe. */
export interface Grade {
  severity: Severity;
  expression: Expression;
}

export type StepParams = Record<string, string | number | boolean>;

/** One verb on one runtime. `action` is the verb, checked against the runtime's catalogue. */
export interface Step {
  action: string;
  params: StepParams;
  /** A rung of a ladder: not before so long after the step before it ended. Absent: at once. */
  afterMs?: number;
}

/** The verb that tells people and touches no runtime; `params.channel`: which channel, else by the routes. */
export const NOTIFY = 'notify';

export interface PolicyTarget {
  /** Glob over the resource's or its Service's name; `*` by default. */
  name: string;
  labels: Record<string, string>;
}

export interface Approval {
  /** How many different people must say yes. */
  required: number;
  deadlineMs: number;
  onDeadline: 'expire' | 'approve' | 'escalate';
  /** Who may decide: names of Approvers of the policy's namespace, or `user:<name>`. Absent: anybody. */
  of?: string[];
  /** With `escalate`: who may decide once the deadline passed; they have as long again. */
  escalateTo?: string[];
}

export interface Verification {
  settleMs: number;
  /** How long the condition must stay clear; null: max(30 s, 3 samples). */
  stableMs: number | null;
  withinMs: number;
}

export interface Limits {
  /** Per episode; once used up, the policy waits until the resource was quiet. Null: it never gives up, at the pace of its backoff. */
  attempts: number | null;
  /** How many of the policy's targets may be acted on at once. */
  maxConcurrent: number;
  /** Instead of `maxConcurrent`: that share of the targets with a manifest, rounded down. */
  maxConcurrentPercent?: number;
  /** Actions per resource within any hour. Absent: as many as the other limits allow. */
  perHour?: number;
  /** Nothing is started that would leave more of the targets unhealthy than this. */
  maxUnhealthy?: Share;
  /** Key of a Group whose limits hold for this policy's actions, wherever its targets are. */
  group?: string;
}

/** A number of members, or a percentage of them, rounded down. */
export type Share = { kind: 'count'; count: number } | { kind: 'percent'; percent: number };

/** A policy as compiled from its manifest: every default filled in, every duration in milliseconds. */
export interface Policy {
  key: PolicyKey;
  namespace: string;
  name: string;
  target: PolicyTarget;
  condition: Condition;
  /** Without grades, or where none of them holds. */
  severity: Severity;
  /** The first that holds says how severe a true verdict is. */
  grades?: Grade[];
  steps: Step[];
  cooldownMs: number;
  limits: Limits;
  approval: Approval | null;
  verify: Verification;
  /** When it may start an action; absent: always. */
  schedule?: Schedule;
  mode: 'enforce' | 'dry-run';
  /** What happens when its fixes do not hold. Absent: it then asks for approval. */
  onFalseFixes?: 'demote' | 'ignore';
  /** False: it is kept and listed, and judges nothing. Absent: it is in use. */
  enabled?: false;
  /** Ms to wait after 0, 1, 2 … failed actions in a row; the last one repeats. Absent: the usual table. */
  backoffMs?: number[];
  /** Key of the Service whose manifest implied this policy (`sync`, `remediation`), else null. */
  impliedBy: string | null;
}

/** A stored policy. */
export interface PolicyRevision {
  policy: Policy;
  revision: number;
  createdRevision: number;
}

export type VerdictValue = 'true' | 'false' | 'unknown';

/** One label set's share in a verdict. */
export interface Evidence {
  /** The resolved series or sub-expression, e.g. `http_up{url="…"}`. */
  series: string;
  value: number | null;
  /** Timestamp of the sample, epoch ms; null when there was none. */
  ts: number | null;
  /** When that sample reached Vigil, epoch ms. */
  receivedAt: number | null;
  verdict: VerdictValue;
  /** What the value was compared with, as text: `> 80%`; absent for a bare metric. */
  test?: string;
  reason?: 'no_data' | 'stale' | 'unit_mismatch' | 'too_few_samples' | 'not_receiving';
  /** The value is a ratio that was compared with a percentage: people read 0.93 as 93 %. */
  unit?: '%';
}

/** What a policy says of a resource at one time. */
export interface Verdict {
  verdict: VerdictValue;
  /** Epoch ms of the first sample of the present run of this verdict. */
  since: number;
  value: number | null;
  evidence: Evidence[];
}
