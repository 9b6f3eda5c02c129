import type { ActionState, Outcome } from './action';
import type { Severity, Step } from '../policy/policy';

/** One audit row of an action; `at` is epoch ms. */
export interface ActionEvent {
  at: number;
  resource: string | null;
  policy: string | null;
  actionId: string;
  event: string;
  actor: string;
  correlationId: string | null;
  policyRevision: number | null;
  details: Record<string, unknown>;
}

/** One row of the projection `actions`, as its audit rows tell it. Times in epoch ms. */
export interface ProjectedAction {
  id: string;
  resource: string;
  policy: string | null;
  policyRevision: number;
  severity: Severity;
  steps: Step[];
  state: ActionState;
  outcome: Outcome | null;
  outcomeReason: string | null;
  dryRun: boolean;
  requestedBy: string;
  reason: string;
  requestId: string | null;
  approvalDeadline: number | null;
  requestedAt: number;
  admittedAt: number | null;
  recordedAt: number | null;
}

type Fold = (action: ProjectedAction, event: ActionEvent) => ProjectedAction;

const FOLDS: Readonly<Record<string, Fold>> = {
  approval_asked: (action, { at, details }) => ({
    ...action,
    state: 'awaiting_approval',
    approvalDeadline: at + Number(details['deadlineMs'] ?? 0),
  }),
  queued: (action) => ({ ...action, state: 'queued' }),
  admitted: (action, { at }) => ({ ...action, state: 'admitted', admittedAt: at }),
  begun: (action) => ({ ...action, state: 'executing' }),
  executed: (action) => ({ ...action, state: 'verifying' }),
  recorded: ended,
  reaped: ended,
  withdrawn: (action, event) =>
    ended(action, { ...event, details: { ...event.details, outcome: 'cancelled' } }),
};

function ended(action: ProjectedAction, { at, details }: ActionEvent): ProjectedAction {
  return {
    ...action,
    state: 'recorded',
    outcome: details['outcome'] as Outcome,
    outcomeReason: text(details['reason']),
    recordedAt: at,
  };
}

/**
 * An action's row, told anew from its audit rows in their order; null when the row that begins it is
 * not among them. What comes after the end changes nothing.
 */
export function projectAction(events: readonly ActionEvent[]): ProjectedAction | null {
  const first = events.find(({ event }) => event === 'requested');
  if (first === undefined) return null;
  return events.reduce<ProjectedAction>(
    (action, event) =>
      action.state === 'recorded' ? action : (FOLDS[event.event]?.(action, event) ?? action),
    begun(first),
  );
}

function begun({ details, ...row }: ActionEvent): ProjectedAction {
  return {
    id: row.actionId,
    resource: row.resource ?? '',
    policy: row.policy,
    policyRevision: row.policyRevision ?? 0,
    // Rows of before it was written down say nothing of it.
    severity: (details['severity'] ?? 'warning') as Severity,
    steps: details['steps'] as Step[],
    ...{ state: 'queued', outcome: null, outcomeReason: null },
    dryRun: details['dryRun'] === true,
    requestedBy: row.actor,
    reason: text(details['reason']),
    requestId: row.correlationId,
    ...{ approvalDeadline: null, requestedAt: row.at, admittedAt: null, recordedAt: null },
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
