import fc from 'fast-check';
import {
  decideAdmission,
  type AdmissionWorld,
  type HeldSlot,
  type WaitingRequest,
} from '../../../domain/action/admission';
import { SEVERITIES, severityRank } from '../../../domain/policy/policy';

const NOW = 1_000_000;

function request(changes: Partial<WaitingRequest> = {}): WaitingRequest {
  return {
    actionId: 'a',
    policy: 'default/p',
    target: 'default/web',
    severity: 'warning',
    since: 1,
    maxConcurrent: 1,
    isForced: false,
    pause: null,
    maintenance: null,
    outsideSchedule: null,
    breaker: { kind: 'closed' },
    dependency: null,
    degraded: null,
    groups: [],
    ...changes,
  };
}

function world(held: HeldSlot[]): AdmissionWorld {
  return { held, groups: new Map(), now: NOW };
}

const anyRequest = fc.record({
  actionId: fc.uuid(),
  policy: fc.constantFrom('default/p', 'default/q', null),
  target: fc.constantFrom('default/a', 'default/b', 'default/c', 'default/d'),
  severity: fc.constantFrom(...SEVERITIES),
  since: fc.integer({ min: 0, max: 10 }),
  maxConcurrent: fc.constant(2),
  isForced: fc.boolean(),
  pause: fc.constantFrom(null, { scope: '*', reason: 'work', until: null }),
  maintenance: fc.constant(null),
  breaker: fc.constant({ kind: 'closed' as const }),
  dependency: fc.constantFrom(null, { resource: 'default/db', why: 'is firing' }),
  groups: fc.constant([]),
  outsideSchedule: fc.constantFrom(null, { schedule: 'Mon 08:00-20:00 UTC', opensAt: NOW + 1 }),
  degraded: fc.constantFrom(null, 'outbox is old'),
});

test('never more than maxConcurrent of a policy act, and never two on one target', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyRequest, { selector: (r) => r.actionId, maxLength: 20 }),
      (waiting) => {
        const held: HeldSlot[] = [{ actionId: 'held', policy: 'default/p', target: 'default/a' }];
        const granted = decideAdmission(waiting, world(held)).flatMap((d) =>
          d.kind === 'granted' ? waiting.filter((w) => w.actionId === d.actionId) : [],
        );
        const acting = [...held, ...granted];
        expect(new Set(acting.map((a) => a.target)).size).toBe(acting.length);
        for (const policy of ['default/p', 'default/q']) {
          const limited = granted.filter((g) => g.policy === policy && !g.isForced);
          const all = acting.filter((a) => a.policy === policy);
          if (limited.length === all.length) expect(all.length).toBeLessThanOrEqual(2);
        }
      },
    ),
  );
});

test('every request that is not granted has a reason, and a paused one is never granted', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyRequest, { selector: (r) => r.actionId, maxLength: 12 }),
      (waiting) => {
        const decisions = decideAdmission(waiting, world([]));
        expect(decisions).toHaveLength(waiting.length);
        for (const decision of decisions) {
          const asked = waiting.find((w) => w.actionId === decision.actionId);
          if (decision.kind === 'queued') expect(decision.hold.detail).not.toBe('');
          else expect(asked?.pause === null || asked?.isForced).toBe(true);
        }
      },
    ),
  );
});

test('nobody is overtaken by a less urgent request that wants the same', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyRequest, { selector: (r) => r.actionId, maxLength: 12 }),
      (drawn) => {
        const waiting = drawn.map((r) => ({
          ...r,
          pause: null,
          outsideSchedule: null,
          degraded: null,
          dependency: null,
          isForced: false,
          policy: 'default/p',
          target: r.actionId,
        }));
        const decisions = decideAdmission(waiting, world([]));
        const urgency = (id: string): number => {
          const found = waiting.find((w) => w.actionId === id);
          return found === undefined ? 0 : severityRank(found.severity) * 100 + found.since;
        };
        const granted = decisions
          .filter((d) => d.kind === 'granted')
          .map((d) => urgency(d.actionId));
        const queued = decisions.filter((d) => d.kind === 'queued').map((d) => urgency(d.actionId));
        expect(Math.max(-1, ...granted)).toBeLessThanOrEqual(Math.min(Infinity, ...queued));
      },
    ),
  );
});

test('the loser of a target is told who works on it', () => {
  const [first, second] = decideAdmission(
    [
      request({ actionId: 'a', severity: 'critical' }),
      request({ actionId: 'b', policy: 'default/q' }),
    ],
    world([]),
  );
  expect(first).toEqual({ kind: 'granted', actionId: 'a' });
  expect(second).toMatchObject({ kind: 'queued', hold: { gate: 'target_busy' } });
});

test('a degraded control plane holds policies, not people', () => {
  const decisions = decideAdmission(
    [
      request({ actionId: 'a', degraded: 'outbox is old' }),
      request({ actionId: 'b', policy: null, target: 'default/x', degraded: 'outbox is old' }),
    ],
    world([]),
  );
  expect(decisions.map((d) => d.kind)).toEqual(['queued', 'granted']);
});

test('a policy whose hours ended while it was queued waits for the next ones, a person does not', () => {
  const outsideSchedule = { schedule: 'Mon 08:00-20:00 UTC', opensAt: NOW + 1 };
  const decisions = decideAdmission(
    [
      request({ actionId: 'a', outsideSchedule }),
      request({ actionId: 'b', policy: null, target: 'default/x', outsideSchedule }),
    ],
    world([]),
  );
  expect(decisions).toMatchObject([
    { kind: 'queued', hold: { gate: 'outside_schedule', until: NOW + 1 } },
    { kind: 'granted' },
  ]);
});
