import { firstHold, GATES, type Gate, type GateFacts } from '../../../domain/action/gates';

const NOW = 1000;
const OPEN: GateFacts = {
  now: NOW,
  isManual: false,
  isForced: false,
  pause: null,
  notActionable: null,
  outsideSchedule: null,
  cooldownUntil: null,
  backoffUntil: null,
  attempts: 0,
  maxAttempts: 3,
  busyWith: null,
  acting: 0,
  maxConcurrent: 1,
  degraded: null,
};

/** The facts that close each gate, and who passes it all the same. */
const CLOSED: Record<Gate, { facts: Partial<GateFacts>; manual: boolean; forced: boolean }> = {
  paused: {
    facts: { pause: { scope: '*', reason: 'work', until: 2000 } },
    manual: false,
    forced: true,
  },
  not_actionable: { facts: { notActionable: 'no manifest' }, manual: false, forced: false },
  outside_schedule: {
    facts: { outsideSchedule: { schedule: 'Mon 08:00-20:00 UTC', opensAt: 2000 } },
    manual: true,
    forced: true,
  },
  cooldown: { facts: { cooldownUntil: NOW + 1 }, manual: true, forced: true },
  backoff: { facts: { backoffUntil: NOW + 1 }, manual: true, forced: true },
  attempts_exhausted: { facts: { attempts: 3 }, manual: true, forced: true },
  target_busy: { facts: { busyWith: 'x' }, manual: false, forced: false },
  max_concurrent: { facts: { acting: 1 }, manual: true, forced: true },
  control_plane_degraded: { facts: { degraded: 'outbox is old' }, manual: true, forced: true },
};

function hold(facts: GateFacts): Gate | null {
  return (firstHold(facts, 'resource') ?? firstHold(facts, 'others'))?.gate ?? null;
}

test('nothing holds when every gate is open', () => {
  expect(hold(OPEN)).toBeNull();
});

test.each(GATES)('gate %s holds a policy, and says why', (gate) => {
  const facts = { ...OPEN, ...CLOSED[gate].facts };
  expect(hold(facts)).toBe(gate);
  const found = firstHold(facts, 'resource') ?? firstHold(facts, 'others');
  expect(found?.detail).not.toBe('');
});

test.each(GATES)('gate %s lets manual and forced actions through as designed', (gate) => {
  const { facts, manual, forced } = CLOSED[gate];
  expect(hold({ ...OPEN, ...facts, isManual: true })).toBe(manual ? null : gate);
  expect(hold({ ...OPEN, ...facts, isManual: true, isForced: true })).toBe(forced ? null : gate);
});

test('the first gate of the table names the reason', () => {
  const all = Object.values(CLOSED).reduce<GateFacts>(
    (facts, c) => ({ ...facts, ...c.facts }),
    OPEN,
  );
  expect(hold(all)).toBe('paused');
});

test('a cooldown that is over does not hold', () => {
  expect(hold({ ...OPEN, cooldownUntil: NOW, backoffUntil: NOW })).toBeNull();
});

test('outside its schedule a policy is held until its hours begin, and hears which they are', () => {
  const closed = { schedule: 'Mon-Fri 08:00-20:00 Europe/Paris', opensAt: NOW + 5000 };
  const facts = { ...OPEN, outsideSchedule: closed, cooldownUntil: NOW + 9000 };
  expect(firstHold(facts, 'resource')).toEqual({
    gate: 'outside_schedule',
    detail: 'outside its schedule (Mon-Fri 08:00-20:00 Europe/Paris)',
    until: NOW + 5000,
  });
});
