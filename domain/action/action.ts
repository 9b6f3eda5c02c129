import type { ServiceSpec } from '../resource';
import type { Gate } from './gates';
import type { Approval, Severity, Step, Verification } from '../policy/policy';

export const OUTCOMES = [
  'succeeded',
  'failed',
  'inconclusive',
  'rolled_back',
  'rejected',
  'expired',
  'cancelled',
  'skipped',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Where an action stands, in the order it goes through them. */
export type ActionState =
  | 'requested'
  | 'awaiting_approval'
  | 'queued'
  | 'admitted'
  | 'executing'
  | 'verifying'
  | 'recorded';

/** Phase of one policy on one resource. */
export type Phase = 'inactive' | 'pending' | 'firing' | 'acting' | 'cooldown';

/** A hold: one named reason and what it waits for. */
export interface Hold {
  gate: Gate;
  detail: string;
  /** Epoch ms when it lifts by itself; null: something must happen first. */
  until: number | null;
  /** Key of the Group whose storm it is. */
  group?: string;
}

/** Everything an action workflow needs to run; bound at the request, so an edit does not change running work. */
export interface ActionPlan {
  actionId: string;
  resource: string;
  namespace: string;
  /** Null: a manual action. */
  policy: string | null;
  policyRevision: number;
  severity: Severity;
  /** The target's spec at the request; `begin` looks again before the effect. */
  spec: ServiceSpec;
  /** Host whose worker acts; null or absent (plans of earlier versions): the control host. */
  host?: string | null;
  steps: Step[];
  verify: Verification;
  approval: Approval | null;
  dryRun: boolean;
  requestedBy: string;
  reason: string;
  correlationId: string | null;
}
