import {
  firstHold,
  GATES,
  openFacts,
  type Gate,
  type GateFacts,
} from '../../../domain/action/gates';
import type { GroupLoad } from '../../../domain/action/group-load';

const NOW = 10_000_000;
const OPEN: GateFacts = { ...openFacts(NOW, 'default/web'), maxAttempts: 3, maxConcurrent: 1 };
const SIX_MINUTES = 360_000;

/** Ten members; what a test says of them is down, acted on, or began to fail. */
function group(changes: Partial<GroupLoad> = {}): GroupLoad {
  return {
    ...{ name: 'group default/web', key: 'default/web', limits: {}, storm: null, members: 10 },
    ...{ keys: new Set<string>(), unhealthy: new Set<string>(), acting: new Set<string>() },
    ...{ onsets: [], ...changes },
  };
}

const STORM: GroupLoad = group({
  storm: { members: { kind: 'count', count: 3 }, withinMs: 60_000 },
  onsets: [NOW - 1000, NOW - 2000, NOW - 3000],
});

/** The facts that close each gate, and who passes it all the same. */
const CLOSED: Record<
  Gate,
  { facts: Partial<GateFacts>; manual: boolean; forced: boolean; notice: boolean }
> = {
  paused: {
    facts: { pause: { scope: '*', reason: 'work', until: NOW + 2000 } },
    ...{ manual: false, forced: true, notice: false },
  },
  maintenance: {
    facts: { maintenance: { window: 'default/sunday', reason: 'disks', until: NOW + 2000 } },
    ...{ manual: false, forced: true, notice: false },
  },
  outside_schedule: {
    facts: { outsideSchedule: { schedule: 'Mon 08:00-20:00 UTC', opensAt: NOW + 2000 } },
    ...{ manual: true, forced: true, notice: false },
  },
  cooldown: {
    facts: { cooldownUntil: NOW + 1 },
    ...{ manual: true, forced: true, notice: false },
  },
  backoff: { facts: { backoffUntil: NOW + 1 }, manual: true, forced: true, notice: false },
  rate_limited: {
    facts: { perHour: 2, begun: [NOW - 1000, NOW - 2000] },
    ...{ manual: true, forced: true, notice: false },
  },
  attempts_exhausted: { facts: { attempts: 3 }, manual: true, forced: true, notice: false },
  breaker_open: {
    facts: { breaker: { kind: 'open', until: NOW + 2000, failures: 5 } },
    ...{ manual: true, forced: true, notice: true },
  },
  flapping: {
    facts: { edges: [7, 6, 5, 4, 3, 2, 1].map((i) => NOW - i * 1000) },
    ...{ manual: true, forced: true, notice: false },
  },
  not_actionable: {
    facts: { notActionable: 'no manifest' },
    ...{ manual: false, forced: false, notice: true },
  },
  target_busy: { facts: { busyWith: 'x' }, manual: false, forced: false, notice: true },
  max_concurrent: {
    facts: {
      groups: [
        group({
          limits: { maxConcurrent: { kind: 'count', count: 1 } },
          acting: new Set(['default/other']),
        }),
      ],
    },
    ...{ manual: false, forced: true, notice: true },
  },
  blast_radius: {
    facts: {
      groups: [
        group({
          limits: { maxUnhealthy: { kind: 'percent', percent: 25 } },
          unhealthy: new Set(['default/a', 'default/b']),
        }),
      ],
    },
    ...{ manual: false, forced: true, notice: true },
  },
  storm: { facts: { groups: [STORM] }, manual: false, forced: true, notice: true },
  dependency_down: {
    facts: { dependency: { resource: 'default/db', why: 'is firing' } },
    ...{ manual: true, forced: true, notice: true },
  },
  host_away: {
    facts: { hostAway: 'no worker of host a' },
    manual: false,
    forced: false,
    notice: true,
  },
  control_plane_degraded: {
    facts: { degraded: 'outbox is old' },
    ...{ manual: true, forced: true, notice: true },
  },
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

test.each(GATES)('gate %s lets through whom it is meant to', (gate) => {
  const { facts, manual, forced, notice } = CLOSED[gate];
  expect(hold({ ...OPEN, ...facts, isNotice: true })).toBe(notice ? null : gate);
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

test('a policy at its own limit queues; a person is not counted by it', () => {
  const full = { ...OPEN, acting: 1, maxConcurrent: 1 };
  expect(hold(full)).toBe('max_concurrent');
  expect(hold({ ...full, isManual: true, maxConcurrent: null })).toBeNull();
});

test('half open, a breaker lets one action at a time through', () => {
  const breaker = { kind: 'half_open', failures: 5 } as const;
  expect(hold({ ...OPEN, breaker, maxConcurrent: 5 })).toBeNull();
  expect(hold({ ...OPEN, breaker, maxConcurrent: 5, acting: 1 })).toBe('max_concurrent');
});

test('an hour that is used up is held until its first action is an hour old', () => {
  const begun = [NOW - 100_000, NOW - SIX_MINUTES];
  expect(firstHold({ ...OPEN, perHour: 2, begun }, 'resource')).toMatchObject({
    gate: 'rate_limited',
    until: NOW - SIX_MINUTES + 3_600_000,
  });
  expect(hold({ ...OPEN, perHour: 2, begun: [NOW - 1, NOW - 3_600_000] })).toBeNull();
});

test('six changes in ten minutes do not flap, seven do, until the first of the seven is old', () => {
  const edges = [1, 2, 3, 4, 5, 6].map((i) => NOW - i * 1000);
  expect(hold({ ...OPEN, edges })).toBeNull();
  expect(firstHold({ ...OPEN, edges: [...edges, NOW - SIX_MINUTES] }, 'resource')).toMatchObject({
    gate: 'flapping',
    until: NOW - SIX_MINUTES + 600_000,
  });
});

describe('a group', () => {
  const allow = (limits: GroupLoad['limits'], down: string[]): Gate | null =>
    hold({ ...OPEN, groups: [group({ limits, unhealthy: new Set(down) })] });

  test('counts the target as down, once', () => {
    const limits = { maxUnhealthy: { kind: 'count', count: 2 } } as const;
    expect(allow(limits, ['default/a', 'default/web'])).toBeNull();
    expect(allow(limits, ['default/a', 'default/b'])).toBe('blast_radius');
  });

  test('rounds a percentage down: 19 % of 10 is one', () => {
    const limits = { maxUnhealthy: { kind: 'percent', percent: 19 } } as const;
    expect(allow(limits, ['default/web'])).toBeNull();
    expect(allow(limits, ['default/web', 'default/a'])).toBe('blast_radius');
  });

  test('acts only while as many are unhealthy as its range says', () => {
    const limits = { unhealthyRange: { min: 2, max: 3 } };
    expect(allow(limits, ['default/web'])).toBe('blast_radius');
    expect(allow(limits, ['default/web', 'default/a'])).toBeNull();
    expect(allow(limits, ['default/web', 'default/a', 'default/b', 'default/c'])).toBe(
      'blast_radius',
    );
  });

  test('all groups of a target must admit', () => {
    const wide = group({ limits: { maxConcurrent: { kind: 'count', count: 5 } } });
    const full = group({
      name: 'group default/rack-1',
      limits: { maxConcurrent: { kind: 'count', count: 1 } },
      acting: new Set(['default/other']),
    });
    expect(hold({ ...OPEN, groups: [wide] })).toBeNull();
    expect(firstHold({ ...OPEN, groups: [wide, full] }, 'others')).toMatchObject({
      gate: 'max_concurrent',
      detail: '1 of at most 1 members of group default/rack-1 are being acted on',
    });
  });

  test('a storm passes when what failed together did so long enough ago', () => {
    expect(firstHold({ ...OPEN, groups: [STORM] }, 'others')).toMatchObject({
      gate: 'storm',
      until: NOW - 3000 + 60_000,
    });
    expect(hold({ ...OPEN, now: NOW + 57_000, groups: [STORM] })).toBeNull();
  });

  test('one failure is never a storm, however small the group', () => {
    const storm = { members: { kind: 'percent', percent: 50 }, withinMs: 60_000 } as const;
    expect(hold({ ...OPEN, groups: [group({ members: 1, storm, onsets: [NOW] })] })).toBeNull();
  });
});
