import type { ActionPlan } from '../../domain/action/action';
import type { Notice } from '../../domain/notice';
import type { Severity } from '../../domain/policy/policy';

/** What has been held for too long. Times are epoch ms. */
export interface LongHold {
  namespace: string;
  resource: string;
  policy: string | null;
  actionId: string | null;
  severity: Severity;
  /** Null: it queues for a slot, and nothing more is known. */
  gate: string | null;
  detail: string | null;
  until: number | null;
  since: number;
}

/** The standing reason `held`. */
export function heldNotice(hold: LongHold): Notice {
  const { namespace, resource, policy, actionId, severity, gate, until } = hold;
  const reason = hold.detail ?? 'its action waits for its turn';
  return {
    kind: 'held',
    key: policy === null ? `held:action/${actionId ?? ''}` : `held:${policy}:${resource}`,
    ...{ namespace, resource, policy, actionId, severity },
    title: `${resource} needs ${policy ?? 'an action'}, and it is held${gate === null ? '' : `: ${gate}`}`,
    text: [
      `Nothing is done about ${resource}: ${reason}.`,
      until === null
        ? 'It goes on once that has changed.'
        : `It goes on by itself at ${new Date(until).toISOString()}.`,
      `Held since ${new Date(hold.since).toISOString()}.`,
      gate === 'paused'
        ? `Next: ./vigil resume, once you are done`
        : `Next: ./vigil why ${resource}`,
    ].join('\n'),
    isResolved: false,
  };
}

/** The standing reason `inconclusive`: nobody knows whether the action helped. */
export function inconclusiveNotice(plan: ActionPlan, reason: string): Notice {
  const { namespace, resource, policy, actionId, severity } = plan;
  const what = plan.steps.map(({ action }) => action).join(' → ');
  return {
    kind: 'inconclusive',
    key: policy === null ? `inconclusive:action/${actionId}` : `inconclusive:${policy}:${resource}`,
    ...{ namespace, resource, policy, actionId, severity },
    title: `${resource}: nobody knows whether ${what} helped`,
    text: [
      `${what} on ${resource} is inconclusive: ${reason}.`,
      `It was done because of: ${plan.reason}`,
      policy === null
        ? 'Nothing more happens by itself.'
        : `${policy} tries again after a pause, as long as it has attempts left.`,
      `Next: ./vigil why ${resource}`,
    ].join('\n'),
    isResolved: false,
  };
}

/** The notice that ends an incident. */
export function resolvedNotice(open: Omit<Notice, 'text' | 'isResolved'>, why: string): Notice {
  return { ...open, channel: null, text: why, isResolved: true };
}
