import type { ActionPlan } from './action/action';
import { mayApprove, shortfallOf, type Deciders } from './approvers';
import type { Notice } from './notice';

/** What a person is told who is asked for a decision. */
export interface Asked {
  plan: ActionPlan;
  deciders: Deciders;
  /** Epoch ms. */
  deadline: number;
  isEscalated: boolean;
  /** Pages that decide for one person each; empty where none can be made. */
  links: { approver: string; url: string }[];
}

/** The notice that asks; a second one, of its own key, when the first deadline has passed. */
export function approvalNotice(asked: Asked): Notice {
  const { plan, isEscalated } = asked;
  const steps = plan.steps.map(({ action }) => action).join(' → ');
  const late = isEscalated ? ' (nobody decided in time)' : '';
  return {
    kind: 'approval_wanted',
    key: `approval/${plan.actionId}${isEscalated ? '/escalated' : ''}`,
    namespace: plan.namespace,
    resource: plan.resource,
    policy: plan.policy,
    actionId: plan.actionId,
    severity: plan.severity,
    title: `approval wanted: ${steps} ${plan.resource}${late}`,
    text: textOf(asked, steps),
    isResolved: false,
  };
}

function textOf({ plan, deciders, deadline, isEscalated, links }: Asked, steps: string): string {
  const id = plan.actionId.slice(0, 8);
  const cause =
    plan.policy === null
      ? `asked for by ${plan.requestedBy}`
      : `for ${plan.policy}, revision ${String(plan.policyRevision)}`;
  const shortfall = shortfallOf(deciders);
  const then = thenWhat(plan, isEscalated);
  const lines = [
    `${steps} on ${plan.resource}, ${cause}`,
    `because ${plan.reason}`,
    `needs ${String(deciders.required)} yes of ${whoMay(deciders)} until ${new Date(deadline).toISOString()}; then ${then}`,
    ...(shortfall === null ? [] : [shortfall]),
    `./vigil approve ${id} or ./vigil reject ${id}`,
    // A link decides for its person: several in one text would let one reader decide for all.
    ...(links.length === 1 ? links.map(({ approver, url }) => `${approver}: ${url}`) : []),
  ];
  return lines.join('\n');
}

function whoMay(deciders: Deciders): string {
  const able = mayApprove(deciders);
  if (able !== null) return able.length === 0 ? 'nobody' : able.join(', ');
  const but = deciders.barred.map(({ name }) => name).join(', ');
  return but === '' ? 'anybody' : `anybody but ${but}`;
}

function thenWhat({ approval }: ActionPlan, isEscalated: boolean): string {
  if (approval?.onDeadline === 'approve') return 'it runs';
  return approval?.onDeadline === 'escalate' && !isEscalated
    ? 'a second list is asked'
    : 'it expires';
}
