import type { AuditEvent } from '../audit';
import type { Notice } from '../notice';
import type { Approval, Policy } from '../policy/policy';

/** What a demoted policy asks for when its manifest asks for nothing: one yes, by anybody, soon. */
export const DEMOTED_APPROVAL: Approval = {
  required: 1,
  deadlineMs: 900_000,
  onDeadline: 'expire',
};

type Named = Pick<Policy, 'key' | 'namespace'>;

interface Change {
  event: 'demoted' | 'promoted';
  revision: number;
  reason: string;
  actor: string;
  door: AuditEvent['door'];
  correlationId: string | null;
}

export function demotionAudit({ key, namespace }: Named, change: Change): AuditEvent {
  const { event, revision, reason, actor, door, correlationId } = change;
  return {
    namespace,
    resource: null,
    policy: key,
    actionId: null,
    step: -1,
    event,
    actor,
    door,
    correlationId,
    policyRevision: revision,
    details: { reason },
  };
}

/** Announces a demotion, or that it has ended. */
export function demotionNotice(
  { key, namespace }: Named,
  { event, reason }: Pick<Change, 'event' | 'reason'>,
): Notice {
  const isResolved = event === 'promoted';
  return {
    kind: 'demoted',
    key: `demoted:${key}`,
    namespace,
    resource: null,
    policy: key,
    actionId: null,
    severity: 'warning',
    title: isResolved
      ? `${key} acts by itself again`
      : `${key} asks for approval from now on: ${reason}`,
    text: isResolved
      ? reason
      : `${reason}.\nLook: ./vigil policy effectiveness ${key}\nEdit it, or: ./vigil policy promote ${key} --reason …`,
    isResolved,
  };
}
