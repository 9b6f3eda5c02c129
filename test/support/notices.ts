import { randomUUID } from 'node:crypto';
import type { ActionPlan } from '../../domain/action/action';
import type { Notice } from '../../domain/notice';

/** A notice of an incident of its own. */
export function notice(changes: Partial<Notice> = {}): Notice {
  return {
    kind: 'held',
    key: `held:${randomUUID()}`,
    namespace: 'default',
    resource: 'default/web',
    policy: 'default/web-policy',
    actionId: null,
    severity: 'warning',
    title: 'default/web is held',
    text: 'Nobody acts on it: paused.',
    isResolved: false,
    ...changes,
  };
}

/** A plan of one step `notify` for default/web. */
export function notifyPlan(changes: Partial<ActionPlan> = {}): ActionPlan {
  return {
    actionId: randomUUID(),
    resource: 'default/web',
    namespace: 'default',
    policy: 'default/web-policy',
    policyRevision: 1,
    severity: 'critical',
    spec: {
      runtime: { type: 'none' } as unknown as ActionPlan['spec']['runtime'],
      hosts: [],
      labels: {},
      healthCheck: null,
      config: [],
      sync: { mode: 'detect', cooldownMs: 0 },
    },
    steps: [{ action: 'notify', params: {} }],
    verify: { settleMs: 0, stableMs: 0, withinMs: 0 },
    approval: null,
    dryRun: false,
    requestedBy: 'policy:default/web-policy',
    reason: 'up == 0',
    correlationId: null,
    ...changes,
  };
}
