import fc from 'fast-check';
import {
  decideAdmission,
  type Decision,
  type HeldSlot,
  type WaitingRequest,
} from '../../../domain/action/admission';
import type { GroupLoad } from '../../../domain/action/group-load';
import { shareOf } from '../../../domain/group';
import { SEVERITIES, severityRank } from '../../../domain/policy/policy';

/**
 * A fleet of twelve members in overlapping groups, through any sequence of requests, releases,
 * withdrawals, failures, recoveries, and looks that come twice or not at all: the invariant of
 * admission after each of them.
 */

const MEMBERS = Array.from({ length: 12 }, (_, i) => `default/m${i}`);
const GROUPS: Record<string, { members: string[]; limits: GroupLoad['limits'] }> = {
  all: {
    members: MEMBERS,
    limits: {
      maxConcurrent: { kind: 'percent', percent: 40 },
      maxUnhealthy: { kind: 'percent', percent: 60 },
    },
  },
  left: { members: MEMBERS.slice(0, 6), limits: { maxConcurrent: { kind: 'count', count: 2 } } },
  rack: {
    members: MEMBERS.slice(4, 9),
    limits: { maxConcurrent: { kind: 'count', count: 1 }, unhealthyRange: { min: 1, max: 4 } },
  },
};
const POLICIES = [
  { policy: 'default/p', maxConcurrent: 3 },
  { policy: 'default/q', maxConcurrent: 2 },
  { policy: null, maxConcurrent: null },
] as const;

type Op =
  | { kind: 'ask'; member: number; policy: number; severity: number; forced: boolean }
  | { kind: 'look' }
  | { kind: 'release'; pick: number }
  | { kind: 'withdraw'; pick: number }
  | { kind: 'fail' | 'recover'; member: number }
  | { kind: 'pause' | 'resume' };

const anyOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      member: fc.nat(11),
      policy: fc.nat(2),
      severity: fc.nat(2),
      forced: fc.constant(false),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), pick: fc.nat(50) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('fail' as const, 'recover' as const),
      member: fc.nat(11),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const) }),
  },
);

interface Fleet {
  waiting: WaitingRequest[];
  slots: HeldSlot[];
  failing: Set<string>;
  isPaused: boolean;
  asked: number;
}

function loadsOf({ slots, failing }: Fleet): Map<string, GroupLoad> {
  return new Map(
    Object.entries(GROUPS).map(([name, { members, limits }]) => {
      const acting = new Set(slots.map((s) => s.target).filter((t) => members.includes(t)));
      const unhealthy = new Set([...acting, ...members.filter((m) => failing.has(m))]);
      const rest = {
        key: name,
        storm: null,
        onsets: [],
        members: members.length,
        keys: new Set(members),
      };
      return [name, { name, limits, acting, unhealthy, ...rest }];
    }),
  );
}

function groupsOf(target: string): string[] {
  return Object.keys(GROUPS).filter((name) => GROUPS[name]?.members.includes(target));
}

function ask(fleet: Fleet, op: Extract<Op, { kind: 'ask' }>): void {
  const target = MEMBERS[op.member] ?? '';
  const chosen = POLICIES[op.policy] ?? POLICIES[0];
  fleet.asked += 1;
  fleet.waiting.push({
    actionId: `a${fleet.asked}`,
    target,
    ...chosen,
    severity: SEVERITIES[op.severity] ?? 'info',
    since: fleet.asked,
    isForced: op.forced,
    ...{ pause: null, maintenance: null, outsideSchedule: null, breaker: { kind: 'closed' } },
    ...{ dependency: null, degraded: null, groups: groupsOf(target) },
  });
}

/** One pass of whoever holds the lock. */
function look(fleet: Fleet): void {
  const pause = fleet.isPaused ? { scope: '*', reason: 'work', until: null } : null;
  const waiting = fleet.waiting.map((request) => ({ ...request, pause }));
  const world = { held: fleet.slots, groups: loadsOf(fleet), now: 0 };
  const before = [...fleet.slots];
  const decisions = decideAdmission(waiting, world);
  const granted = new Set(decisions.flatMap((d) => (d.kind === 'granted' ? [d.actionId] : [])));
  fleet.slots.push(...waiting.filter((w) => granted.has(w.actionId)));
  fleet.waiting = fleet.waiting.filter((w) => !granted.has(w.actionId));
  expectReasons(waiting, decisions);
  expectOrder(waiting, decisions);
  if (fleet.isPaused) expect(fleet.slots).toEqual(before);
  if (granted.size > 0) expectBlastRadius(fleet);
}

/** Nobody waits without a reason, and nobody is left out. */
function expectReasons(waiting: readonly WaitingRequest[], decisions: readonly Decision[]): void {
  expect(decisions.map((d) => d.actionId).sort()).toEqual(waiting.map((w) => w.actionId).sort());
  for (const decision of decisions) {
    if (decision.kind === 'queued') expect(decision.hold.detail).not.toBe('');
  }
}

/** Of two that want the same of the same groups for the same policy, the more urgent goes first. */
function expectOrder(waiting: readonly WaitingRequest[], decisions: readonly Decision[]): void {
  const isGranted = new Map(decisions.map((d) => [d.actionId, d.kind === 'granted']));
  for (const first of waiting) {
    for (const second of waiting) {
      const isSame = first.policy === second.policy && first.groups.join() === second.groups.join();
      const isMoreUrgent =
        severityRank(first.severity) < severityRank(second.severity) ||
        (first.severity === second.severity && first.since < second.since);
      if (!isSame || !isMoreUrgent || isGranted.get(first.actionId) === true) continue;
      const hold = decisions.find((d) => d.actionId === first.actionId);
      const isOwn =
        hold?.kind === 'queued' && ['target_busy', 'blast_radius'].includes(hold.hold.gate);
      if (!isOwn) expect(isGranted.get(second.actionId)).toBe(false);
    }
  }
}

/** A grant never leaves more of a group unhealthy than its limits say. */
function expectBlastRadius(fleet: Fleet): void {
  for (const [name, load] of loadsOf(fleet)) {
    const { maxUnhealthy } = GROUPS[name]?.limits ?? {};
    if (maxUnhealthy === undefined) continue;
    const newest = fleet.slots.at(-1)?.target ?? '';
    if (!load.acting.has(newest)) continue;
    expect(load.unhealthy.size).toBeLessThanOrEqual(shareOf(maxUnhealthy, load.members));
  }
}

function expectInvariant({ slots }: Fleet): void {
  const targets = slots.map((slot) => slot.target);
  expect(new Set(targets).size).toBe(targets.length);
  for (const { policy, maxConcurrent } of POLICIES) {
    if (policy === null) continue;
    expect(slots.filter((slot) => slot.policy === policy).length).toBeLessThanOrEqual(
      maxConcurrent,
    );
  }
  for (const { members, limits } of Object.values(GROUPS)) {
    const acting = targets.filter((target) => members.includes(target)).length;
    if (limits.maxConcurrent === undefined) continue;
    expect(acting).toBeLessThanOrEqual(shareOf(limits.maxConcurrent, members.length));
  }
}

const STEPS: { [Kind in Op['kind']]: (fleet: Fleet, op: Extract<Op, { kind: Kind }>) => void } = {
  ask,
  look,
  release: (fleet, { pick }) => {
    if (fleet.slots.length > 0) fleet.slots.splice(pick % fleet.slots.length, 1);
  },
  withdraw: (fleet, { pick }) => {
    if (fleet.waiting.length > 0) fleet.waiting.splice(pick % fleet.waiting.length, 1);
  },
  fail: (fleet, { member }) => void fleet.failing.add(MEMBERS[member] ?? ''),
  recover: (fleet, { member }) => void fleet.failing.delete(MEMBERS[member] ?? ''),
  pause: (fleet) => {
    fleet.isPaused = true;
  },
  resume: (fleet) => {
    fleet.isPaused = false;
  },
};

test('through any sequence, no limit is passed, nobody waits without a reason, slots go in order', () => {
  fc.assert(
    fc.property(fc.array(anyOp, { maxLength: 60 }), (ops) => {
      const fleet: Fleet = {
        ...{ waiting: [], slots: [], isPaused: false, asked: 0 },
        failing: new Set<string>(),
      };
      for (const op of ops) {
        const step = STEPS[op.kind] as (fleet: Fleet, op: Op) => void;
        step(fleet, op);
        expectInvariant(fleet);
      }
    }),
    { numRuns: 500 },
  );
});

test('what can be granted is granted: once everybody is well again, one look empties the queue', () => {
  fc.assert(
    fc.property(fc.array(anyOp, { maxLength: 40 }), (ops) => {
      const fleet: Fleet = {
        ...{ waiting: [], slots: [], isPaused: false, asked: 0 },
        failing: new Set<string>(),
      };
      for (const op of ops) (STEPS[op.kind] as (fleet: Fleet, op: Op) => void)(fleet, op);
      fleet.failing.clear();
      fleet.isPaused = false;
      const rounds = fleet.waiting.length + 1;
      for (let round = 0; round < rounds && fleet.waiting.length > 0; round += 1) {
        fleet.slots.length = 0;
        look(fleet);
      }
      expect(fleet.waiting).toEqual([]);
    }),
  );
});
