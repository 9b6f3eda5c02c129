import type { ObservedState } from '../../../domain/action/runtime';
import { completed } from '../../../domain/drift/partial-report';

const BARE: ObservedState = {
  ...{ identity: null, isRunning: true, isAbsent: false },
  ...{ command: null, env: null, config: [] },
};
const WHOLE: ObservedState = {
  ...BARE,
  ...{ identity: 'one', command: ['a'], env: { A: '1', B: '1' }, image: 'shop:1', replicas: 2 },
  ...{ resources: { cpu: 1, memory: 5 }, labels: { a: '1' }, version: '3', health: 'healthy' },
  config: [
    { path: 'a.conf', sha256: 'x' },
    { path: './b.conf', sha256: 'y' },
  ],
  details: { exit: 1 },
  attribution: { '/version': { from: 'event', by: 'ada', at: 1, what: 'w' } },
};

test('what is left out stands as it was, but for what is of the moment', () => {
  expect(completed(BARE, WHOLE)).toEqual({
    ...WHOLE,
    ...{ health: undefined, details: undefined },
  });
});

test('what is said replaces what was known, leaf by leaf where leaves can be left out', () => {
  const report: ObservedState = {
    ...BARE,
    ...{ env: { B: null }, resources: { memory: 6 }, labels: {}, version: null, replicas: 0 },
    config: [{ path: 'b.conf', sha256: null }],
  };
  expect(completed(report, WHOLE)).toMatchObject({
    ...{ env: { A: '1', B: null }, resources: { cpu: 1, memory: 6 }, labels: {} },
    ...{ version: null, replicas: 0, image: 'shop:1' },
    config: [
      { path: 'a.conf', sha256: 'x' },
      { path: 'b.conf', sha256: null },
    ],
  });
});

test.each<[string, Partial<ObservedState>]>([
  ['another incarnation', { identity: 'two' }],
  ['what is not there any more', { isAbsent: true, isRunning: false }],
])('of %s only the files stand', (_, change) => {
  const report = { ...BARE, ...change };
  expect(completed(report, WHOLE)).toEqual({
    ...report,
    config: WHOLE.config,
    attribution: WHOLE.attribution,
  });
});

test('what was not there before has nothing to add', () => {
  expect(completed(BARE, { ...WHOLE, isAbsent: true, config: [] })).toEqual({
    ...BARE,
    attribution: WHOLE.attribution,
  });
});
