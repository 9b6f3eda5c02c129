import type { Action } from '../../../cli/answers';
import {
  judgeAction,
  judgeRestraint,
  SCENARIOS,
  SCENARIO_NAMES,
  scenarioOf,
  type Observed,
} from '../../../cli/simulate/scenarios';
import { CATALOGUES } from '../../../activities/catalogue';
import { policyManifest, serviceManifest } from '../../../cli/simulate/sacrifice';
import { compileDocument } from '../../../language/manifest/compile';

function action(changes: Partial<Action>): Action {
  return {
    id: 'a1',
    resource: 'simulation/x',
    policy: 'simulation/x-down',
    steps: [{ action: 'restart', params: {} }],
    state: 'recorded',
    outcome: 'succeeded',
    outcomeReason: null,
    dryRun: false,
    requestedBy: 'policy:simulation/x-down',
    reason: '',
    requestedAt: '2026-05-01T12:00:00Z',
    recordedAt: '2026-05-01T12:00:09Z',
    ...changes,
  };
}

describe('an action should heal', () => {
  test('nothing yet: it waits for an action', () => {
    expect(judgeAction([])).toEqual({ kind: 'open', waitsFor: 'an action to be asked for' });
  });

  test('a running action is waited for', () => {
    const running = action({ state: 'verifying', outcome: null });
    expect(judgeAction([running])).toEqual({ kind: 'open', waitsFor: 'action a1 (verifying)' });
  });

  test('succeeded is as it should', () => {
    expect(judgeAction([action({})])).toMatchObject({ kind: 'ended', isAsItShould: true });
  });

  test.each(['failed', 'inconclusive', 'cancelled'])('%s is not', (outcome) => {
    const judgement = judgeAction([action({ outcome, outcomeReason: 'still down' })]);
    expect(judgement).toEqual({
      kind: 'ended',
      isAsItShould: false,
      words: `the action ended ${outcome}: still down`,
    });
  });
});

describe('nothing should be done', () => {
  const calm: Observed = {
    isCauseOver: true,
    actions: [],
    verdictsSeen: new Set(['false', 'true']),
    phasesSeen: new Set(['pending']),
    now: [{ phase: 'inactive', verdict: 'false' }],
  };

  test.each<[string, Partial<Observed>, 'true' | 'unknown', string]>([
    ['while the cause goes on', { isCauseOver: false }, 'true', 'the cause to be over'],
    ['before the verdict was seen', {}, 'unknown', 'a verdict to be unknown'],
    [
      'before it is quiet again',
      { now: [{ phase: 'pending', verdict: 'true' }] },
      'true',
      'every policy to be quiet again',
    ],
  ])('it is open %s', (_, changes, verdict, waitsFor) => {
    expect(judgeRestraint({ ...calm, ...changes }, verdict)).toEqual({ kind: 'open', waitsFor });
  });

  test('quiet again without an action is as it should', () => {
    expect(judgeRestraint(calm, 'true')).toMatchObject({ kind: 'ended', isAsItShould: true });
  });

  test('an unknown verdict counts as quiet after a gap', () => {
    const gone = {
      ...calm,
      verdictsSeen: new Set(['unknown']),
      now: [{ phase: 'pending', verdict: 'unknown' }],
    };
    expect(judgeRestraint(gone, 'unknown')).toMatchObject({ kind: 'ended', isAsItShould: true });
  });

  test('any action is not as it should, however it ends', () => {
    const acted = { ...calm, actions: [action({})] };
    expect(judgeRestraint(acted, 'true')).toMatchObject({ kind: 'ended', isAsItShould: false });
  });
});

test.each(SCENARIO_NAMES)('the manifests of %s pass the check', (name) => {
  const service = serviceManifest({ name: 'x-1', port: 40_000, run: 'r1' });
  const policies = SCENARIOS[name].policies.map((draft) => policyManifest('x-1', draft));
  for (const document of [service, ...policies]) {
    const { objects, problems } = compileDocument(document, {
      file: 'request',
      catalogue: CATALOGUES,
    });
    expect(problems).toEqual([]);
    expect(objects).toHaveLength(1);
    expect(objects[0]).toMatchObject({ namespace: 'simulation' });
  }
});

test('an unknown simulation names the known ones', () => {
  expect(() => scenarioOf('fire')).toThrow('one of crash, load, flap, gap');
});
