import type { AuditEventName } from '../../domain/audit';
import type { DriftRow } from '../../storage/drift-read';
import type { PolicyWhy, Why } from '../../api/why';
import { whyText } from '../../api/why-text';
import { policy, serviceSpec } from '../support/manifest-objects';

const NOW = Date.UTC(2026, 0, 5, 12, 0, 0);

function policyWhy(name: string, changes: Partial<PolicyWhy> = {}): PolicyWhy {
  const [document] = policy(name).policies;
  if (document === undefined) throw new Error('a policy manifest holds its policy');
  return {
    policy: document.key,
    mode: 'enforce',
    phase: 'inactive',
    assessed: {
      policy: document,
      revision: 1,
      createdRevision: 1,
      verdict: { verdict: 'false', since: NOW, value: 0, evidence: [] },
      explanation: 'http_up = 1: false since 11:00:00',
      firesInMs: null,
    },
    waitsFor: null,
    until: null,
    held: null,
    episode: 0,
    attempts: 0,
    maxAttempts: 3,
    actionId: null,
    ...changes,
  };
}

function whyOf(policies: PolicyWhy[], changes: Partial<Why> = {}): Why {
  return {
    resource: {
      resource: 'default/web',
      namespace: 'default',
      name: 'web',
      service: 'web',
      host: null,
      labels: {},
      spec: serviceSpec(),
      revision: 4,
      createdRevision: 4,
      isPaused: false,
      observed: { isRunning: true, identity: 'x', observedAt: NOW - 2000 },
      driftCount: 0,
      policies: [],
    },
    now: NOW,
    pauses: [],
    policies,
    drift: [],
    disabled: [],
    decisions: [],
    workflow: { kind: 'none' },
    ...changes,
  };
}

test('the first line says what matters most now, and until when', () => {
  const lines: [Partial<PolicyWhy>, string][] = [
    [{}, 'default/web: nothing is wrong: no condition of 1 is true'],
    [
      { phase: 'pending', waitsFor: 'the condition to stay true', until: NOW + 277_000 },
      'default/web: web-down is pending; waits for the condition to stay true, until 12:04:37 (in 4m 37s)',
    ],
    [
      {
        phase: 'firing',
        held: { gate: 'backoff', detail: 'backing off', since: NOW, until: NOW + 6000 },
      },
      'default/web: web-down is firing; held back by backoff: backing off, until 12:00:06 (in 6s)',
    ],
    [{ phase: 'firing' }, 'default/web: web-down is firing; its action is being asked for'],
    [{ phase: 'acting' }, 'default/web: web-down is acting on it'],
    [
      { phase: 'cooldown', waitsFor: 'its cooldown to end', until: NOW + 3_900_000 },
      'default/web: quiet after an action; web-down cools down until 13:05:00 (in 1h 5m)',
    ],
  ];
  for (const [changes, line] of lines) {
    expect(whyText(whyOf([policyWhy('web-down', changes)]))[0]).toBe(line);
  }
});

test('a whole screen tells state, waits and decisions', () => {
  const decisions: Why['decisions'] = (['recorded', 'requested'] as AuditEventName[]).map(
    (event, i) => ({
      id: i,
      at: NOW - 60_000 * (i + 1),
      namespace: 'default',
      resource: 'default/web',
      policy: 'default/web-down',
      actionId: null,
      step: -1,
      event,
      actor: 'policy:default/web-down',
      door: 'policy',
      requestId: null,
      policyRevision: 1,
      details: { outcome: 'failed', reason: 'still down', steps: [{ action: 'restart' }] },
      seal: null,
      hash: null,
    }),
  );
  const held = { gate: 'backoff', detail: 'backing off', since: NOW, until: NOW + 6000 };
  const text = whyText(
    whyOf([policyWhy('web-down', { phase: 'firing', held, attempts: 1 }), policyWhy('web-slow')], {
      decisions,
    }),
  );
  expect(text).toEqual([
    'default/web: web-down is firing; held back by backoff: backing off, until 12:00:06 (in 6s)',
    '  runtime process · revision 4 · running · seen 2s ago · now 12:00:00 UTC',
    '',
    'Policies',
    '  web-down  firing    warning',
    '      http_up = 1: false since 11:00:00',
    '      held back by backoff: backing off, until 12:00:06 (in 6s)',
    '      1 of 3 attempts used',
    '  web-slow  inactive  warning',
    '      http_up = 1: false since 11:00:00',
    '',
    'Last decisions, newest first',
    '  11:59:00  web-down  ended: failed: still down',
    '  11:58:00  web-down  restart requested by policy:default/web-down: still down',
  ]);
});

function driftOf(index: number, changes: Partial<DriftRow> = {}): DriftRow {
  return {
    ...{ id: index, resource: 'default/web', pointer: '/env/A', kind: 'changed' },
    ...{ desired: '1', observed: '2', revision: 1, onset: NOW - 60_000, resolvedAt: null },
    ...{ severity: 'warning', attribution: null, observer: 'control', ...changes },
  };
}

test('what differs is told with its onset and who did it, in three lines at most', () => {
  const by = { from: 'git', by: 'ada', at: NOW, what: 'commit 1' } as const;
  const running = { pointer: '/running', desired: true, observed: false, attribution: by };
  const drift = [driftOf(1), driftOf(2, running)];
  expect(whyText(whyOf([], { drift })).slice(2, 4)).toEqual([
    '  drift: has variable A 2, desired 1, since 11:59:00',
    '  drift: does not run, and should, since 11:59:00, ada: commit 1',
  ]);
  const many = Array.from({ length: 20 }, (_, i) => driftOf(i));
  const resource = { ...whyOf([]).resource, driftCount: 35 };
  expect(whyText(whyOf([], { drift: many, resource })).slice(2, 6)).toEqual([
    expect.stringContaining('drift: has variable A'),
    expect.stringContaining('drift: has variable A'),
    '  and 33 more differences: vigil drift',
    '',
  ]);
});

test('a long reason leaves room for until when', () => {
  const detail = 'outside its schedule (Mon-Fri 08:00-20:00 Europe/Paris)';
  const held = { gate: 'outside_schedule', detail, since: NOW, until: NOW + 66_600_000 } as const;
  const text = whyText(whyOf([policyWhy('web-down', { phase: 'firing', held })]));
  expect(text[0]).toBe(
    'default/web: web-down is firing; held back by outside_sched…, until 2026-01-06 06:30:00 (in 18h 30m)',
  );
  expect(text.slice(6, 8)).toEqual([
    `      held back by outside_schedule: ${detail}`,
    '      until 2026-01-06 06:30:00 (in 18h 30m)',
  ]);
});

test('it stays one screen, however much there is to tell', () => {
  const long = 'x'.repeat(500);
  const policies = Array.from({ length: 30 }, (_, i) =>
    policyWhy(`policy-${i}-${long}`, { phase: 'firing', waitsFor: long, actionId: long }),
  );
  const pauses = Array.from({ length: 9 }, (_, i) => ({
    scope: `default/${i}`,
    reason: long,
    actor: long,
    pausedAt: NOW,
    until: NOW - 1,
  }));
  const decisions = Array.from({ length: 10 }, (_, i) => ({
    ...{ id: i, at: 0, namespace: 'default', resource: null, policy: long, actionId: null },
    ...{ step: -1, event: 'held', actor: long, door: 'policy', requestId: null, seal: null },
    ...{ policyRevision: null, details: { gate: long, detail: long }, hash: null },
  }));
  const workflow = { kind: 'away' as const, reason: long };
  const drift = Array.from({ length: 20 }, (_, i) => driftOf(i, { pointer: `/env/${long}` }));
  const disabled = [long];
  const text = whyText(whyOf(policies, { pauses, decisions, workflow, drift, disabled }));
  expect(text.length).toBeLessThanOrEqual(40);
  expect(Math.max(...text.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(text.join('\n')).toContain('more');
});
