import * as fc from 'fast-check';
import {
  countYes,
  decidersOf,
  mayApprove,
  personOf,
  refusalToDecide,
  shortfallOf,
  tally,
  type Approvers,
  type Question,
  type Vote,
} from '../../domain/approvers';
import type { Approval } from '../../domain/policy/policy';

function list(name: string, members: string[], namespace = 'default'): Approvers {
  return { key: `${namespace}/${name}`, namespace, name, members };
}

const LISTS = [
  list('operators', ['ada', 'bob']),
  list('managers', ['carol', 'user:ada']),
  list('operators', ['mallory'], 'other'),
];

function question(approval: Partial<Approval>, changes: Partial<Question> = {}): Question {
  return {
    approval: { required: 1, deadlineMs: 1000, onDeadline: 'expire', ...approval },
    namespace: 'default',
    requestedBy: 'policy:default/web-down',
    author: 'vigil',
    isEscalated: false,
    ...changes,
  };
}

function peopleOf(approval: Partial<Approval>, isEscalated = false): string[] | null {
  return decidersOf(question(approval, { isEscalated }), LISTS).people;
}

describe('the people behind a list', () => {
  test.each<[string, Partial<Approval>, string[] | null]>([
    ['no list means anybody', {}, null],
    ['a role means its members, in its own namespace', { of: ['operators'] }, ['ada', 'bob']],
    ['people may be named', { of: ['user:zoe', 'operators'] }, ['ada', 'bob', 'zoe']],
    ['who is in two roles counts once', { of: ['operators', 'managers'] }, ['ada', 'bob', 'carol']],
    ['a role that is not there is nobody', { of: ['nobody'] }, []],
    ['an empty list is nobody', { of: [] }, []],
    ['the second list waits', { of: ['user:zoe'], escalateTo: ['managers'] }, ['zoe']],
  ])('%s', (_, approval, people) => {
    expect(peopleOf(approval)).toEqual(people);
  });

  test('after the escalation the second list comes on top of the first', () => {
    expect(peopleOf({ of: ['user:zoe'], escalateTo: ['managers'] }, true)).toEqual([
      'ada',
      'carol',
      'zoe',
    ]);
    expect(peopleOf({ escalateTo: ['managers'] }, true)).toBeNull();
  });

  test('names that no Approvers carries are told', () => {
    const { unknown } = decidersOf(question({ of: ['operators', 'oprators'] }), LISTS);
    expect(unknown).toEqual(['oprators']);
  });
});

test.each([
  ['user:ada', 'ada'],
  ['user:user:x', 'user:x'],
  ['vigil', null],
  ['folder:/etc/vigil', null],
  ['policy:default/web', null],
  ['anonymous', null],
  [null, null],
])('the actor %s is the person %s', (actor, name) => {
  expect(personOf(actor)).toBe(name);
});

describe('who may decide', () => {
  const author = { author: 'user:ada' };
  const requester = { requestedBy: 'user:bob' };
  test.each<[string, Question, ['approve' | 'reject', string, boolean], string | null]>([
    ['anybody, without a list', question({}), ['approve', 'anonymous', true], null],
    ['a plain signal, without a list', question({}), ['approve', 'temporal', false], null],
    ['a member', question({ of: ['operators'] }), ['approve', 'user:bob', true], null],
    [
      'nobody else',
      question({ of: ['operators'] }),
      ['approve', 'user:eve', true],
      'eve is not among those who may: ada, bob may decide',
    ],
    [
      'nobody else says no either',
      question({ of: ['operators'] }),
      ['reject', 'user:eve', true],
      'eve is not among those who may: ada, bob may decide',
    ],
    [
      'a member of the same role elsewhere may not',
      question({ of: ['operators'] }),
      ['approve', 'user:mallory', true],
      'mallory is not among those who may: ada, bob may decide',
    ],
    [
      'nobody without a name',
      question({ of: ['operators'] }),
      ['approve', 'anonymous', true],
      'anonymous is no person by name: ada, bob may decide',
    ],
    [
      'no plain signal where there is a list, not even a no',
      question({ of: ['operators'] }),
      ['reject', 'temporal', false],
      'a plain signal does not say who sent it, and only some people may decide',
    ],
    [
      'nobody where the list is empty',
      question({ of: ['nobody'] }),
      ['approve', 'user:ada', true],
      'ada is not among those who may: nobody may decide',
    ],
    [
      'not the author',
      question({}, author),
      ['approve', 'user:ada', true],
      'four eyes: ada wrote the policy and may not say yes to it',
    ],
    ['the author may say no', question({}, author), ['reject', 'user:ada', true], null],
    ['somebody else than the author', question({}, author), ['approve', 'user:bob', true], null],
    [
      'not the requester',
      question({}, requester),
      ['approve', 'user:bob', true],
      'four eyes: bob asked for the action and may not say yes to it',
    ],
    [
      'not the author, though listed',
      question({ of: ['operators'] }, author),
      ['approve', 'user:ada', true],
      'four eyes: ada wrote the policy and may not say yes to it',
    ],
    [
      'no plain signal where the author is a person',
      question({}, author),
      ['approve', 'temporal', false],
      'four eyes: temporal cannot be told from ada, who wrote the policy',
    ],
    [
      'nobody without a name where the author is a person',
      question({}, author),
      ['approve', 'token', true],
      'four eyes: token cannot be told from ada, who wrote the policy',
    ],
    ['a plain no where the author is a person', question({}, author), ['reject', 't', false], null],
    [
      'anybody where the author is a folder',
      question({}, { author: 'folder:/m' }),
      ['approve', 'anonymous', true],
      null,
    ],
  ])('%s', (_, asked, [decision, actor, isSigned], refusal) => {
    const deciders = decidersOf(asked, LISTS);
    expect(refusalToDecide(decision, { actor, isSigned }, deciders)).toBe(refusal);
  });
});

test('a yes that went through the hands of the author counts as the author’s, a no does not', () => {
  const deciders = decidersOf(question({}, { author: 'user:ada' }), LISTS);
  const voice = { actor: 'user:bob', isSigned: true, through: 'user:ada' };
  expect(refusalToDecide('approve', voice, deciders)).toBe(
    'four eyes: it came through ada, who wrote the policy',
  );
  expect(refusalToDecide('reject', voice, deciders)).toBeNull();
  const bot = { ...voice, through: 'token' };
  expect(refusalToDecide('approve', bot, deciders)).toBeNull();
});

function vote(actor: string, decision: Vote['decision'] = 'approve', isSigned = true): Vote {
  return { actor, decision, isSigned };
}

describe('what the decisions mean together', () => {
  const two = decidersOf(question({ required: 2, of: ['operators', 'managers'] }), LISTS);
  test.each<[string, Vote[], string]>([
    ['nobody yet', [], 'waiting'],
    ['one of two', [vote('user:ada')], 'waiting'],
    ['one person twice', [vote('user:ada'), vote('user:ada')], 'waiting'],
    ['two people', [vote('user:ada'), vote('user:carol')], 'approved'],
    ['a yes that was taken back', [vote('user:ada'), vote('user:bob', 'withdrawn')], 'waiting'],
    ['a yes of somebody who left the list', [vote('user:ada'), vote('user:eve')], 'waiting'],
    ['a plain yes', [vote('user:ada'), vote('temporal', 'approve', false)], 'waiting'],
    ['one no', [vote('user:ada'), vote('user:carol'), vote('user:bob', 'reject')], 'rejected'],
  ])('%s', (_, votes, state) => {
    expect(tally(votes, two)).toBe(state);
  });

  test('there is never an approval with fewer eligible people than required, whoever votes', () => {
    const actor = fc.constantFrom('user:ada', 'user:bob', 'user:carol', 'user:eve', 'temporal');
    const votes = fc.array(
      fc.record({
        actor,
        decision: fc.constantFrom<Vote['decision']>('approve', 'withdrawn'),
        isSigned: fc.boolean(),
      }),
    );
    const approval = fc.record({
      required: fc.integer({ min: 1, max: 4 }),
      of: fc.subarray(['operators', 'managers', 'user:eve']),
    });
    fc.assert(
      fc.property(votes, approval, actor, (given, asked, author) => {
        const deciders = decidersOf(question(asked, { author }), LISTS);
        const able = mayApprove(deciders) ?? [];
        const yes = given.filter(
          ({ actor: who, decision, isSigned }) =>
            decision === 'approve' && isSigned && able.includes(personOf(who) ?? ''),
        );
        const people = new Set(yes.map(({ actor: who }) => who)).size;
        expect(countYes(given, deciders)).toBe(people);
        expect(tally(given, deciders)).toBe(people >= asked.required ? 'approved' : 'waiting');
        if (shortfallOf(deciders) !== null) expect(tally(given, deciders)).toBe('waiting');
      }),
    );
  });
});

describe('more required than there can be', () => {
  test.each<[string, Question, string | null]>([
    ['anybody is always enough', question({ required: 9 }), null],
    ['as many as required', question({ required: 2, of: ['operators'] }), null],
    [
      'too few members',
      question({ required: 3, of: ['operators'] }),
      'it can never be approved as the lists are now: 3 must say yes, and only ada, bob may',
    ],
    [
      'too few because of four eyes',
      question({ required: 2, of: ['operators'] }, { author: 'user:ada' }),
      'it can never be approved as the lists are now: 2 must say yes, and only bob may (ada wrote the policy)',
    ],
    [
      'nobody because of a misspelt name',
      question({ of: ['oprators'] }),
      'it can never be approved as the lists are now: 1 must say yes, and nobody may (there are no Approvers named oprators)',
    ],
  ])('%s', (_, asked, words) => {
    expect(shortfallOf(decidersOf(asked, LISTS))).toBe(words);
  });
});
