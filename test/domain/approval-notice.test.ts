import type { ActionPlan } from '../../domain/action/action';
import { approvalNotice } from '../../domain/approval-notice';
import type { Deciders } from '../../domain/approvers';
import { serviceSpec } from '../support/manifest-objects';

const PLAN: ActionPlan = {
  actionId: '3f2c1d00-0000-4000-8000-00000000c11e',
  resource: 'default/web',
  namespace: 'default',
  policy: 'default/web-down',
  policyRevision: 7,
  severity: 'critical',
  spec: serviceSpec(),
  steps: [
    { action: 'restart', params: {} },
    { action: 'scale', params: { by: 1 } },
  ],
  verify: { settleMs: 0, stableMs: 0, withinMs: 1 },
  approval: { required: 2, deadlineMs: 1000, onDeadline: 'escalate', of: ['operators'] },
  dryRun: false,
  requestedBy: 'policy:default/web-down',
  reason: 'up == 0 (up = 0)',
  correlationId: null,
};
const DECIDERS: Deciders = { required: 2, people: ['ada', 'bob'], unknown: [], barred: [] };
const DEADLINE = Date.parse('2026-01-01T00:15:00Z');

test('it says what is to happen, why, who decides, until when, and how', () => {
  const links = [{ approver: 'ada', url: 'https://vigil.example/api/v1/approve?token=t' }];
  const asked = { plan: PLAN, deciders: DECIDERS, deadline: DEADLINE, isEscalated: false, links };
  const notice = approvalNotice(asked);
  expect(notice).toMatchObject({
    kind: 'approval_wanted',
    key: `approval/${PLAN.actionId}`,
    title: 'approval wanted: restart → scale default/web',
    isResolved: false,
  });
  expect(notice.text.split('\n')).toEqual([
    'restart → scale on default/web, for default/web-down, revision 7',
    'because up == 0 (up = 0)',
    'needs 2 yes of ada, bob until 2026-01-01T00:15:00.000Z; then a second list is asked',
    './vigil approve 3f2c1d00 or ./vigil reject 3f2c1d00',
    'ada: https://vigil.example/api/v1/approve?token=t',
  ]);
});

test('an escalation is an incident of its own, and a list that cannot suffice is said', () => {
  const deciders = {
    ...DECIDERS,
    people: ['ada', 'bob'],
    barred: [{ name: 'bob', why: 'wrote the policy' }],
  };
  const asked = { plan: PLAN, deciders, deadline: DEADLINE, isEscalated: true, links: [] };
  const notice = approvalNotice(asked);
  expect(notice.key).toBe(`approval/${PLAN.actionId}/escalated`);
  expect(notice.title).toContain('(nobody decided in time)');
  expect(notice.text).toContain('needs 2 yes of ada until');
  expect(notice.text).toContain('then it expires');
  expect(notice.text).toContain('only ada may (bob wrote the policy)');
});
