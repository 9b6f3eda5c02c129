import fc from 'fast-check';
import {
  isLastEffect,
  nextRung,
  rungRecords,
  type Ladder,
  type RungResult,
  type Undo,
} from '../../../domain/action/ladder';
import { NOTIFY, type Step } from '../../../domain/policy/policy';

const T = 1_000_000;

const RESTART: Step = { action: 'restart', params: {} };
const SCALE: Step = { action: 'scale', params: { by: 1 } };
const LATER: Step = { ...SCALE, afterMs: 300_000 };
const TELL: Step = { action: NOTIFY, params: {} };

const ladder = (...steps: Step[]): Ladder => ({ steps, isList: false, isDryRun: false });
const list = (...steps: Step[]): Ladder => ({ ...ladder(...steps), isList: true });
const dryRun = (...steps: Step[]): Ladder => ({ ...ladder(...steps), isDryRun: true });

const at = { endedAt: T };
const fixed: RungResult = { ...at, kind: 'fixed', why: 'clear for 30 s' };
const unknown: RungResult = { ...at, kind: 'inconclusive', why: 'no fresh data' };
const told: RungResult = { ...at, kind: 'told', why: 'told: web is down' };
const cleared: RungResult = { ...at, kind: 'cleared', why: 'cleared' };
const paused: RungResult = {
  ...at,
  kind: 'stopped',
  why: 'paused (*): upgrade',
  isCalledOff: false,
};
const calledOff: RungResult = {
  ...at,
  kind: 'stopped',
  why: 'cancelled by ada',
  isCalledOff: true,
};
const foretold = (why: string): RungResult => ({ ...at, kind: 'foretold', why });

function failed(undo: Undo = { kind: 'impossible' }): RungResult {
  return { ...at, kind: 'failed', why: 'still true', undo };
}
const refused = failed({ kind: 'no_effect' });
const undone = failed({ kind: 'restored', summary: 'back to 2' });
const broken = failed({ kind: 'broken', why: 'disk full' });

test.each<[string, Ladder, RungResult[], Record<string, unknown>]>([
  ['the first rung comes at once', ladder(RESTART, LATER), [], { kind: 'step', index: 0 }],
  [
    'what does not help leads to the next rung',
    ladder(RESTART, SCALE),
    [failed()],
    { kind: 'step', index: 1 },
  ],
  [
    'what was refused leads to the next rung',
    ladder(RESTART, SCALE),
    [refused],
    { kind: 'step', index: 1 },
  ],
  [
    'what was undone leads to the next rung',
    ladder(SCALE, RESTART),
    [undone],
    { kind: 'step', index: 1 },
  ],
  [
    'a rung waits for its time',
    ladder(RESTART, LATER),
    [failed()],
    { kind: 'wait', until: T + 300_000, index: 1 },
  ],
  [
    'telling people is a rung like others',
    ladder(RESTART, TELL),
    [failed()],
    { kind: 'step', index: 1 },
  ],
  [
    'telling people never ends it',
    ladder(RESTART, TELL, SCALE),
    [failed(), told],
    { kind: 'step', index: 2 },
  ],
  [
    'a list goes on after what succeeded',
    list(RESTART, SCALE),
    [fixed],
    { kind: 'step', index: 1 },
  ],
  [
    'a dry run waits for nothing',
    dryRun(RESTART, LATER),
    [foretold('restart')],
    { kind: 'step', index: 1 },
  ],
])('%s', (_name, given, results, expected) => {
  expect(nextRung(given, results, T)).toEqual(expected);
});

test.each<[string, Ladder, RungResult[], string, string | RegExp, number | null]>([
  ['fixed by the only rung', ladder(RESTART), [fixed], 'succeeded', /^clear for 30 s$/, 0],
  [
    'fixed by a later rung',
    ladder(RESTART, SCALE, TELL),
    [failed(), fixed],
    'succeeded',
    /^rung 2 of 3 \(scale\): clear/,
    1,
  ],
  [
    'nothing helped',
    ladder(RESTART, SCALE),
    [failed(), failed()],
    'failed',
    /rung 1 .*still true; rung 2/,
    null,
  ],
  [
    'nothing helped, and people were told',
    ladder(RESTART, TELL),
    [failed(), told],
    'failed',
    /told: web/,
    null,
  ],
  [
    'the last effect was undone',
    ladder(RESTART, SCALE),
    [failed(), undone],
    'rolled_back',
    /undone: back to 2/,
    null,
  ],
  [
    'undone, then refused',
    ladder(SCALE, RESTART),
    [undone, refused],
    'rolled_back',
    /undone/,
    null,
  ],
  [
    'undone, then something that stands',
    ladder(SCALE, RESTART),
    [undone, failed()],
    'failed',
    /undone/,
    null,
  ],
  [
    'undone, and people were told',
    ladder(SCALE, TELL),
    [undone, told],
    'rolled_back',
    /told/,
    null,
  ],
  [
    'undoing failed',
    ladder(SCALE, RESTART),
    [broken],
    'failed',
    /still true, and undoing it failed: disk full/,
    null,
  ],
  [
    'without fresh data no other rung',
    ladder(RESTART, SCALE),
    [unknown],
    'inconclusive',
    /no fresh data/,
    null,
  ],
  ['cleared before anything', ladder(RESTART), [cleared], 'cancelled', /^cleared$/, null],
  ['cleared late', ladder(RESTART, SCALE), [failed(), cleared], 'succeeded', /cleared late/, 0],
  [
    'cleared after what was undone',
    ladder(SCALE, RESTART),
    [undone, cleared],
    'rolled_back',
    /then it cleared/,
    null,
  ],
  [
    'cleared after a refusal',
    ladder(SCALE, RESTART),
    [refused, cleared],
    'cancelled',
    /^cleared$/,
    null,
  ],
  ['stopped before anything', ladder(RESTART), [paused], 'cancelled', /^paused/, null],
  [
    'stopped in the middle',
    ladder(RESTART, SCALE),
    [failed(), paused],
    'failed',
    /then stopped: paused/,
    null,
  ],
  [
    'stopped after what was undone',
    ladder(SCALE, RESTART),
    [undone, paused],
    'rolled_back',
    /then stopped/,
    null,
  ],
  [
    'called off in the middle',
    ladder(RESTART, SCALE),
    [failed(), calledOff],
    'cancelled',
    /^cancelled by ada$/,
    null,
  ],
  ['people were told, and that was all', ladder(TELL), [told], 'succeeded', /^told/, null],
  ['no steps at all', ladder(), [], 'succeeded', /nothing to do/, null],
  ['a list that succeeded', list(RESTART, SCALE), [fixed, fixed], 'succeeded', /clear/, 1],
  ['a list in which one failed', list(RESTART, SCALE), [failed()], 'failed', /step 1 of 2/, null],
  ['a list that was stopped', list(RESTART, SCALE), [fixed, paused], 'cancelled', /^paused/, null],
  [
    'a dry run',
    dryRun(RESTART, SCALE),
    [foretold('would restart'), foretold('would scale')],
    'skipped',
    /^dry run: would restart; if that does not fix it: would scale$/,
    null,
  ],
  [
    'a dry run that was stopped',
    dryRun(RESTART, SCALE),
    [foretold('would restart'), paused],
    'cancelled',
    /^paused/,
    null,
  ],
])('%s: how it ends', (...[, given, results, outcome, reason, fixedBy]) => {
  const answer = nextRung(given, results, T);
  expect(answer).toMatchObject({ kind: 'end', outcome, fixedBy });
  expect(answer.kind === 'end' && answer.reason).toMatch(reason);
});

test('only an undo that failed asks for a person', () => {
  expect(nextRung(ladder(SCALE, RESTART), [broken], T)).toMatchObject({ isUndoBroken: true });
  expect(nextRung(ladder(SCALE), [undone], T)).toMatchObject({ isUndoBroken: false });
});

test('an effect can be called off as long as another one may follow', () => {
  expect(isLastEffect(ladder(RESTART, SCALE), 0)).toBe(false);
  expect(isLastEffect(ladder(RESTART, TELL), 0)).toBe(true);
  expect(isLastEffect(ladder(RESTART, SCALE), 1)).toBe(true);
});

test('what is kept of each rung says whether it was undone', () => {
  expect(rungRecords(ladder(SCALE, RESTART), [undone, fixed])).toEqual([
    { step: 0, action: 'scale', result: 'failed', undo: 'restored' },
    { step: 1, action: 'restart', result: 'fixed', undo: null },
  ]);
});

describe('whatever happens on a ladder', () => {
  const anyStep = fc.oneof(
    fc.record({
      action: fc.constantFrom('restart', 'scale'),
      params: fc.constant({}),
      afterMs: fc.nat(1000),
    }),
    fc.constant(TELL),
  );
  const anyResult = fc
    .constantFrom(fixed, failed(), refused, undone, broken, unknown, cleared, paused, calledOff)
    .map((result): RungResult => result);

  /** Climbs with these results until it ends; a `notify` only ever tells. */
  function climb(steps: Step[], given: RungResult[]) {
    const results: RungResult[] = [];
    let now = T;
    for (let turn = 0; turn < 100; turn++) {
      const next = nextRung(ladder(...steps), results, now);
      if (next.kind === 'end') return { end: next, results };
      if (next.kind === 'wait') now = next.until;
      else {
        const result =
          steps[next.index]?.action === NOTIFY ? told : (given[next.index] ?? failed());
        results.push({ ...result, endedAt: now });
      }
    }
    throw new Error('it never ends');
  }
  const climbs = fc.tuple(
    fc.array(anyStep, { maxLength: 6 }),
    fc.array(anyResult, { minLength: 6, maxLength: 6 }),
  );

  test('it ends, and no rung is tried twice', () => {
    fc.assert(
      fc.property(climbs, ([steps, given]) => {
        const { results } = climb(steps, given);
        expect(results.length).toBeLessThanOrEqual(steps.length);
      }),
    );
  });

  test('nothing follows a fix, a doubt, a stop or an undo that failed', () => {
    const isFinal = (one: RungResult): boolean =>
      ['fixed', 'inconclusive', 'cleared', 'stopped'].includes(one.kind) ||
      (one.kind === 'failed' && one.undo.kind === 'broken');
    fc.assert(
      fc.property(climbs, ([steps, given]) => {
        const { results } = climb(steps, given);
        expect(results.slice(0, -1).some(isFinal)).toBe(false);
      }),
    );
  });

  test('it is never called succeeded after an effect that did not help, unless something cleared it', () => {
    fc.assert(
      fc.property(climbs, ([steps, given]) => {
        const { end, results } = climb(steps, given);
        const hasFailed = results.some(({ kind }) => kind === 'failed');
        const last = results.at(-1)?.kind;
        if (end.outcome === 'succeeded' && hasFailed) expect(['fixed', 'cleared']).toContain(last);
        if (end.outcome !== 'succeeded') expect(end.fixedBy).toBeNull();
      }),
    );
  });

  test('telling people changes no outcome', () => {
    fc.assert(
      fc.property(climbs, ([steps, given]) => {
        fc.pre(steps.some(({ action }) => action !== NOTIFY));
        const quiet = steps.flatMap((step, i) =>
          step.action === NOTIFY ? [] : [{ step, result: given[i] ?? failed() }],
        );
        const other = climb(
          quiet.map(({ step }) => step),
          quiet.map(({ result }) => result),
        );
        expect(climb(steps, given).end.outcome).toBe(other.end.outcome);
      }),
    );
  });
});
