import type { ActionPlan } from '../../../domain/action/action';
import { plan, type Intent } from '../../../domain/action/plan';
import { reduce, type Fact } from '../../../domain/action/reduce';
import {
  emptyState,
  type RequestAnswer,
  type ResourceState,
} from '../../../domain/action/resource-state';
import { planOf, POLICY } from '../../support/resource-simulator';

/** Facts that cross each other on the way: every answer may be old when it arrives. */

const NOW = 1_000_000;
let version = 0;

function verdict(value: 'true' | 'false', changes: object = {}): Fact {
  version += 1;
  const seen = {
    policy: POLICY,
    policyRevision: 1,
    verdict: value,
    since: NOW,
    forMs: 0,
    severity: 'warning' as const,
    conditionHash: 'h',
    ...changes,
  };
  return { kind: 'verdictsChanged', version, verdicts: [seen] };
}

const ASKED: Fact = { kind: 'asked', policy: POLICY };

function answered(answer: RequestAnswer): Fact {
  return { kind: 'answered', policy: POLICY, answer };
}

const BUSY: RequestAnswer = {
  kind: 'held',
  hold: { gate: 'target_busy', detail: 'another works on it', until: null },
};
const QUEUED: RequestAnswer = {
  kind: 'queued',
  hold: { gate: 'max_concurrent', detail: '1 of 1', until: null },
  plan: planOf('a'),
};
const APPROVED_BY_PEOPLE: ActionPlan = {
  ...planOf('a'),
  approval: { required: 1, deadlineMs: 60_000, onDeadline: 'expire' },
};
const TO_BE_APPROVED: RequestAnswer = { kind: 'start', plan: APPROVED_BY_PEOPLE, token: null };
const FINISHED: Extract<Fact, { kind: 'actionFinished' }> = {
  kind: 'actionFinished',
  actionId: 'other',
  policy: 'default/other',
  outcome: 'succeeded',
  cooldownUntil: null,
  backoffUntil: null,
};

function after(...facts: Fact[]): ResourceState {
  return facts.reduce((state, fact) => reduce(state, fact, NOW), emptyState('default/web'));
}

function kinds(state: ResourceState): Intent['kind'][] {
  return plan(state, NOW).intents.map((intent) => intent.kind);
}

test.each<[string, Fact]>([
  ['the other action ends', FINISHED],
  ['a pause is lifted', { kind: 'gateLifted' }],
  ['the manifest changes', { kind: 'desiredChanged', isDeleted: false }],
  ['the limits are edited', verdict('true', { policyRevision: 2 })],
])('a hold is asked about again when %s before its answer arrives', (_name, fact) => {
  version = 0;
  expect(kinds(after(verdict('true'), ASKED, answered(BUSY)))).toEqual([]);
  version = 10;
  const state = after(verdict('true'), ASKED, renewed(fact), answered(BUSY));
  expect(kinds(state)).toEqual(['request']);
});

test('edited limits or steps end a hold that waits for nothing else', () => {
  const state = after(
    verdict('true'),
    ASKED,
    answered(BUSY),
    verdict('true', { policyRevision: 2 }),
  );
  expect(kinds(state)).toEqual(['request']);
});

test.each([
  ['cleared and true again', [verdict('false'), verdict('true')]],
  ['given another condition', [verdict('true', { conditionHash: 'other' })]],
  ['given other limits', [verdict('true', { policyRevision: 2 })]],
])('a queued policy that is %s asks only once its request is withdrawn', (_name, facts) => {
  version = 20;
  const state = after(verdict('true'), ASKED, answered(QUEUED), ...facts.map(renewed));
  expect(kinds(state)).toEqual(['errand']);
  const begun = reduce(state, { kind: 'errandBegun', actionId: 'a' }, NOW);
  expect(kinds(begun)).toEqual([]);
  expect(kinds(reduce(begun, { kind: 'errandDone', actionId: 'a' }, NOW))).toEqual(['request']);
});

test('a grant that crosses the withdrawal of its request still starts its action', () => {
  const grant: Fact = { kind: 'slotGranted', plan: planOf('a'), token: 1 };
  const state = after(verdict('true'), ASKED, answered(QUEUED), verdict('false'), grant);
  expect(kinds(state)).toEqual(['startChild', 'errand']);
});

test.each([
  ['the condition cleared', verdict('false'), 'cleared'],
  ['the policy was edited', verdict('true', { policyRevision: 2 }), 'policy_changed'],
])('a request that is queued although %s meanwhile is withdrawn', (_name, fact, reason) => {
  version = 30;
  const state = after(verdict('true'), ASKED, renewed(fact), answered(QUEUED));
  expect(state.errands).toMatchObject([{ kind: 'withdraw', actionId: 'a', reason }]);
});

test.each([
  ['before its answer', [ASKED, verdict('false'), answered(TO_BE_APPROVED)]],
  ['after its answer', [ASKED, answered(TO_BE_APPROVED), verdict('false')]],
])(
  'an approval whose condition clears %s is called off once its action listens',
  (_name, facts) => {
    version = 40;
    const state = after(verdict('true'), ...facts.map(renewed));
    expect(kinds(state)).toEqual(['startChild']);
    const starting = reduce(state, { kind: 'childWanted', actionId: 'a' }, NOW);
    expect(kinds(starting)).toEqual([]);
    const started = reduce(starting, { kind: 'childStarted', actionId: 'a' }, NOW);
    expect(kinds(started)).toEqual(['errand']);
  },
);

test('an approval asked for under a newer revision than its verdict is not void', () => {
  const answer: RequestAnswer = {
    kind: 'start',
    plan: { ...APPROVED_BY_PEOPLE, policyRevision: 2 },
    token: null,
  };
  expect(after(verdict('true'), ASKED, answered(answer), verdict('true')).errands).toEqual([]);
});

test('an answer that a grant overtook changes nothing', () => {
  const grant: Fact = { kind: 'slotGranted', plan: planOf('a'), token: 1 };
  const state = after(verdict('true'), ASKED, grant, answered(QUEUED));
  expect(state.policies[POLICY]?.phase.kind).toBe('acting');
});

test('a late grant does not make a policy forget the action that it runs', () => {
  const late: Fact = { kind: 'slotGranted', plan: planOf('late'), token: 1 };
  const state = after(
    verdict('true'),
    ASKED,
    answered({ kind: 'start', plan: planOf('a'), token: 2 }),
    late,
  );
  expect(state.policies[POLICY]?.phase).toMatchObject({ kind: 'acting', actionId: 'a' });
  expect(Object.keys(state.manual)).toEqual(['late']);
});

test('a grant that came before its policy was known, and its answer since, start one action and come to rest', () => {
  version = 60;
  const grant: Fact = { kind: 'slotGranted', plan: planOf('a'), token: 1 };
  const answer = answered({ kind: 'start', plan: planOf('a'), token: 1 });
  const state = after(grant, renewed(verdict('true')), ASKED, answer);
  expect(kinds(state)).toEqual(['startChild', 'startChild']);
  const wanted = reduce(state, { kind: 'childWanted', actionId: 'a' }, NOW);
  expect(kinds(wanted)).toEqual([]);
  const ended = reduce(wanted, { ...FINISHED, actionId: 'a', policy: POLICY }, NOW);
  expect(ended.manual).toEqual({});
  expect(ended.policies[POLICY]?.phase.kind).toBe('firing');
});

test('a run that began with something else than verdicts says so, one that knows them does not', () => {
  version = 70;
  const blind: Fact = { kind: 'begunBlind' };
  expect(plan(after({ kind: 'gateLifted' }, blind), NOW).intents).toEqual([
    { kind: 'acknowledge', version: 0 },
  ]);
  expect(kinds(after(renewed(verdict('false')), blind))).toEqual([]);
});

test('a condition that is edited while its policy asks is not asked about twice at once', () => {
  const state = after(verdict('true'), ASKED, verdict('true', { conditionHash: 'other' }));
  expect(kinds(state)).toEqual([]);
  const next = reduce(
    state,
    answered({ kind: 'not_firing', verdict: 'true', firesInMs: 600_000 }),
    NOW,
  );
  expect(kinds(next)).toEqual(['request']);
});

/** The same verdict with the next version, so that facts made before the test count in its order. */
function renewed(fact: Fact): Fact {
  if (fact.kind !== 'verdictsChanged') return fact;
  version += 1;
  return { ...fact, version };
}
