/**
 * Audit events: insert-only rows that say what was done, and why nothing was done.
 * The key of an action's row is (action, step, event), so that a retried activity writes it once.
 */

export const AUDIT_EVENTS = [
  'firing',
  'held',
  'queued',
  'requested',
  'approval_asked',
  'approval_decided',
  'admitted',
  'begun',
  'executed',
  'verified',
  'restored',
  'foretold',
  'notified',
  'recorded',
  'withdrawn',
  'reaped',
  'approval_escalated',
  'breaker_opened',
  'breaker_closed',
  'storm_opened',
  'storm_closed',
  'demoted',
  'promoted',
  'checkpointed',
  'paused',
  'resumed',
  'drift_detected',
  'drift_resolved',
  'override_set',
  'override_ended',
  'started',
  'manifest_applied',
  'manifest_refused',
  'revision_held',
  'prune_allowed',
  'rolled_back',
  'pin_released',
] as const;
export type AuditEventName = (typeof AUDIT_EVENTS)[number];

/** Which way in a person or part used. */
export type Door =
  'policy' | 'api' | 'cli' | 'link' | 'temporal' | 'worker' | 'gitops' | 'detector' | 'reaper';

export interface AuditEvent {
  /** The namespace whose chain seals this row. */
  namespace: string;
  resource: string | null;
  policy: string | null;
  actionId: string | null;
  /** 0-based step; -1 for the action as a whole. */
  step: number;
  event: AuditEventName;
  /** `policy:<key>`, `user:<name>`, `anonymous`, `vigil`. */
  actor: string;
  door: Door;
  correlationId: string | null;
  policyRevision: number | null;
  /** SHA-256 (hex) of what the decision was made on: the plan that an action is bound to. Absent: of nothing. */
  inputsHash?: string | null;
  /** Short words about the row: gate, outcome, reason, evidence, identities. Never secrets. */
  details: Record<string, unknown>;
}
