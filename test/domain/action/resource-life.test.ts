import fc from 'fast-check';
import { OUTCOMES } from '../../../domain/action/action';
import { closedAt } from '../../../domain/calendar';
import { planOf, POLICY, ResourceSimulator, type World } from '../../support/resource-simulator';

const WILLING: World = {
  answer: () => ({ kind: 'start', untilMs: 0 }),
  outcome: () => 'succeeded',
};

function firing(world: World = WILLING): ResourceSimulator {
  const life = new ResourceSimulator(world);
  life.feed(life.verdict('true'));
  return life;
}

test('a verdict waits out its for, acts once, cools down and is inactive again', () => {
  const life = firing();
  expect(life.phase()).toBe('pending');
  life.runUntil(4999);
  expect(life.requests).toBe(0);
  life.runUntil(6000);
  expect(life.phase()).toBe('acting');
  life.feed(life.verdict('false'));
  life.runUntil(9000);
  expect(life.phase()).toBe('cooldown');
  life.runUntil(60_000);
  expect(life.phase()).toBe('inactive');
  expect(life.started).toEqual(['action-1']);
});

test('a condition that clears while it waits costs nothing', () => {
  const life = firing();
  life.runUntil(3000);
  life.feed(life.verdict('false'));
  life.runUntil(60_000);
  expect(life.requests).toBe(0);
  expect(life.phase()).toBe('inactive');
});

test('a condition still true when the cooldown ends fires again at once', () => {
  const life = firing();
  life.runUntil(8050);
  expect(life.phase()).toBe('cooldown');
  life.runUntil(18_200);
  expect(life.started).toHaveLength(2);
});

test('unknown freezes the phase until the verdict is known again', () => {
  const life = firing();
  life.feed(life.verdict('unknown'));
  life.runUntil(60_000);
  expect(life.phase()).toBe('pending');
  expect(life.requests).toBe(0);
  life.feed(life.verdict('true', { since: 0 }));
  expect(life.requests).toBe(1);
});

test('a failed attempt backs off and asks again without waiting out its for', () => {
  const life = firing({ ...WILLING, outcome: (n) => (n === 1 ? 'failed' : 'succeeded') });
  life.runUntil(10_000);
  expect(life.phase()).toBe('firing');
  life.runUntil(10_200);
  expect(life.started).toHaveLength(2);
});

test('what is held is asked again when its time has come, or when a gate lifts', () => {
  const held: World = {
    ...WILLING,
    answer: (n) => (n < 3 ? { kind: 'held', untilMs: 60_000 } : { kind: 'start', untilMs: 0 }),
  };
  const life = firing(held);
  life.runUntil(64_000);
  expect(life.requests).toBe(1);
  life.runUntil(66_000);
  expect(life.requests).toBe(2);
  life.feed({ kind: 'gateLifted' });
  life.runUntil(66_100);
  expect(life.phase()).toBe('acting');
});

test('outside its schedule a policy is asked about once, and again when its hours begin', () => {
  const hours = { days: [5], startMinute: 8 * 60, endMinute: 20 * 60 };
  const schedule = { timezone: 'Europe/Paris', active: [hours] };
  const life = firing({
    ...WILLING,
    answer: (_n, now) => {
      const closed = closedAt(schedule, now);
      return closed === null
        ? { kind: 'start', untilMs: 0 }
        : { kind: 'held', untilMs: (closed.opensAt ?? Infinity) - now };
    },
  });
  // The clock starts on Thursday 1970-01-01; Paris is an hour ahead.
  const opens = Date.parse('1970-01-02T07:00Z');
  life.runUntil(opens - 1);
  expect([life.requests, life.phase()]).toEqual([1, 'firing']);
  life.runUntil(opens + 100);
  expect([life.requests, life.phase()]).toEqual([2, 'acting']);
});

test('a queued request is withdrawn when the condition clears', () => {
  const life = firing({ ...WILLING, answer: () => ({ kind: 'queued', untilMs: 1e9 }) });
  life.runUntil(6000);
  expect(life.phase()).toBe('firing');
  life.feed(life.verdict('false'));
  expect(life.phase()).toBe('inactive');
});

test('a slot that is granted twice, or to a run that lost its memory, starts one action', () => {
  const life = new ResourceSimulator(WILLING);
  life.feed({ kind: 'slotGranted', plan: planOf('known'), token: 1 });
  life.feed({ kind: 'slotGranted', plan: planOf('known'), token: 1 });
  expect(life.started).toEqual(['known']);
});

test('an edit that changes the meaning starts the wait anew, one of the limits does not', () => {
  const life = firing();
  life.runUntil(4000);
  life.feed(life.verdict('true', { since: 0, policyRevision: 2 }));
  life.runUntil(5100);
  expect(life.requests).toBe(1);
  const other = firing();
  other.runUntil(4000);
  other.feed(other.verdict('true', { since: 4000, conditionHash: 'other' }));
  other.runUntil(8900);
  expect(other.requests).toBe(0);
});

test('a message that arrives again is acknowledged, not handled again', () => {
  const life = firing();
  const again = { ...life.verdict('true'), version: 1 } as Parameters<typeof life.feed>[0];
  life.runUntil(6000);
  life.feed(again);
  life.runUntil(7000);
  expect(life.started).toHaveLength(1);
  expect(life.state.toAcknowledge).toBeNull();
});

test('a deleted resource withdraws what waits and keeps what acts until it is recorded', () => {
  const life = firing();
  life.runUntil(6000);
  life.feed({ kind: 'desiredChanged', isDeleted: true });
  expect(life.state.policies[POLICY]?.isGone).toBe(true);
  life.runUntil(60_000);
  expect(life.state.policies).toEqual({});
});

const anyEvent = fc.record({
  afterMs: fc.integer({ min: 0, max: 8000 }),
  verdict: fc.constantFrom('true', 'false', 'unknown'),
  isDuplicated: fc.boolean(),
  changesMeaning: fc.boolean(),
  isEdited: fc.boolean(),
});
const anyAnswer = fc.record({
  kind: fc.constantFrom('start', 'held', 'queued', 'not_firing'),
  untilMs: fc.integer({ min: 0, max: 5000 }),
});

test('whatever happens: no action is started twice, and all comes to rest', () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 30 }),
      fc.array(anyAnswer, { minLength: 1, maxLength: 20 }),
      fc.array(fc.constantFrom(...OUTCOMES), { minLength: 1 }),
      (events, answers, outcomes) => {
        const life = new ResourceSimulator({
          answer: (n) => answers[n % answers.length] ?? { kind: 'start', untilMs: 0 },
          outcome: (n) => outcomes[n % outcomes.length] ?? 'succeeded',
        });
        let meaning = 0;
        let revision = 1;
        for (const event of events) {
          life.runUntil(life.now + event.afterMs);
          if (event.changesMeaning) meaning += 1;
          if (event.isEdited) revision += 1;
          const edit = { conditionHash: `h${meaning}`, policyRevision: revision };
          const fact = life.verdict(event.verdict, edit);
          life.feed(fact);
          if (event.isDuplicated) life.feed(fact);
        }
        life.feed(
          life.verdict('false', { conditionHash: `h${meaning}`, policyRevision: revision }),
        );
        life.runUntil(life.now + 120_000);
        expect(new Set(life.started).size).toBe(life.started.length);
        expect(life.phase()).toBe('inactive');
        expect(life.acting.size).toBe(0);
        expect(life.state.errands).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
