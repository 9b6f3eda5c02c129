import { renderEffectiveness } from '../../../cli/policy/effectiveness';

const NOTHING = {
  policy: 'default/down',
  from: '2026-05-01T12:00:00.000Z',
  actions: 0,
  outcomes: {},
  success: { rate: null, count: 0, of: 0 },
  inconclusive: { rate: null, count: 0, of: 0 },
  falseFix: { rate: null, count: 0, of: 0 },
  timeToFix: { medianMs: null, p90Ms: null, of: 0 },
  rungs: [],
  falseFixes: [],
  demotion: null,
};

test('a policy that never acted', () => {
  expect(renderEffectiveness(NOTHING)).toEqual([
    'default/down since 2026-05-01 12:00:00: 0 actions',
    '  success       - (0 of 0) of the actions that had their turn',
    '  inconclusive  - (0 of 0) of them',
    '  false fixes   - (0 of 0) of the fixes',
    '  time to fix   nothing was fixed',
  ]);
});

test('a policy whose fixes do not hold', () => {
  const lines = renderEffectiveness({
    ...NOTHING,
    actions: 5,
    outcomes: { succeeded: 4, failed: 1 },
    success: { rate: 0.8, count: 4, of: 5 },
    falseFix: { rate: 0.75, count: 3, of: 4 },
    timeToFix: { medianMs: 90_000, p90Ms: 240_000, of: 4 },
    rungs: [{ step: 0, action: 'restart', tried: 5, fixed: 4, undone: 0 }],
    falseFixes: [
      {
        action: 'a-1',
        resource: 'default/web',
        recordedAt: '2026-05-02T10:00:00.000Z',
        firedAgainAt: '2026-05-02T10:03:00.000Z',
      },
    ],
    demotion: { reason: '3 of its last 5 fixes did not hold', since: '2026-05-02T10:03:00.000Z' },
  });
  expect(lines).toEqual([
    'default/down since 2026-05-01 12:00:00: 5 actions, 4 succeeded, 1 failed',
    '  success       80 % (4 of 5) of the actions that had their turn',
    '  inconclusive  - (0 of 0) of them',
    '  false fixes   75 % (3 of 4) of the fixes',
    '  time to fix   median 90s, p90 4m (of 4)',
    '  demoted       since 2026-05-02 10:03:00: 3 of its last 5 fixes did not hold',
    '',
    'RUNG  ACTION   TRIED  FIXED  UNDONE',
    '1     restart  5      4      0',
    '',
    'FALSE FIX            FIRED AGAIN          RESOURCE     ACTION',
    '2026-05-02 10:00:00  2026-05-02 10:03:00  default/web  a-1',
  ]);
});
