import type { ObservedState } from '../../../domain/action/runtime';
import type { Attribution } from '../../../domain/drift/change';
import { driftOf } from '../../../domain/drift/diff';
import type { DriftRules, Override } from '../../../domain/drift/rules';
import type { ServiceSpec } from '../../../domain/resource';
import { BARE, digest, DOCKER } from './worlds';

const spec: ServiceSpec = {
  ...BARE,
  runtime: { ...DOCKER, env: { A: '1' }, resources: { cpus: 0.5, memory: 2 ** 30 } },
  config: [{ kind: 'content', path: '/etc/web.conf', content: 'a' }],
};
const attribution: Record<string, Attribution> = {
  '/env/A': { from: 'event', by: 'deploy', at: 1, what: 'made anew' },
  '/config/~1etc~1web.conf': { from: 'file', by: 'root', at: 2, what: 'written 0644' },
};
/** Differs in everything. */
const observed: ObservedState = {
  ...{ identity: 'x', isRunning: true, isAbsent: false, command: null },
  env: { A: '2', B: '3' },
  config: [{ path: '/etc/web.conf', sha256: digest('b') }],
  ...{ image: 'web:1', replicas: 5, resources: { cpu: null, memory: 2 ** 29 } },
  attribution,
};
const ALL = [
  ...['/config/~1etc~1web.conf', '/env/A', '/env/B', '/image', '/replicas'],
  ...['/resources/cpu', '/resources/memory'],
];

function changes(
  drift: Partial<DriftRules>,
  seen: Partial<ObservedState> = {},
  overrides: Override[] = [],
) {
  const rules = { ignore: [], owners: [], severity: [], ...drift };
  const looked = { ...observed, ...seen };
  return driftOf({ ...spec, drift: rules }, looked, { sha256: digest, overrides });
}

const pointers = (...given: Parameters<typeof changes>): string[] =>
  changes(...given).map(({ pointer }) => pointer);

function override(pointer: string, value: string | number): Override {
  return { pointer, value, policy: 'default/p', until: null };
}

it('a manifest without rules says all of what differs', () => {
  expect(driftOf(spec, observed, { sha256: digest }).map(({ pointer }) => pointer)).toEqual(ALL);
});

describe('what is ignored', () => {
  it.each<[string, DriftRules['ignore'], string[]]>([
    ['by its path', [{ path: '/image' }], ['/image']],
    ['by a glob', [{ path: '/env/*' }], ['/env/A', '/env/B']],
    ['by who did it', [{ owner: 'root' }], ['/config/~1etc~1web.conf']],
    ['by a glob of who did it', [{ owner: 'dep*' }], ['/env/A']],
    ['by both, and both must hold', [{ path: '/config/**', owner: 'deploy' }], []],
    ['by both, where both hold', [{ path: '/env/**', owner: 'deploy' }], ['/env/A']],
    [
      'by anybody, where somebody is known',
      [{ owner: '*' }],
      ['/config/~1etc~1web.conf', '/env/A'],
    ],
    ['by nothing', [{}], []],
    ['by several rules', [{ path: '/image' }, { path: '/replicas' }], ['/image', '/replicas']],
  ])('%s', (_, ignore, gone) => {
    expect(pointers({ ignore })).toEqual(ALL.filter((pointer) => !gone.includes(pointer)));
  });
});

describe('what somebody else owns', () => {
  const owner = 'autoscaler';
  it.each<[string, DriftRules['owners'], number, number | null]>([
    ['within the range nothing differs', [{ path: '/replicas', owner, min: 2, max: 10 }], 10, null],
    ['below it the lower bound is right', [{ path: '/replicas', owner, min: 2, max: 10 }], 1, 2],
    ['above it the upper bound is right', [{ path: '/replicas', owner, min: 2, max: 10 }], 11, 10],
    ['a range may be open', [{ path: '/replicas', owner, min: 2 }], 99, null],
    ['without a range any value is right', [{ path: '/replicas', owner }], 99, null],
    [
      'the first rule counts',
      [
        { path: '/repl*', owner, max: 4 },
        { path: '/replicas', owner },
      ],
      ...([5, 4] as const),
    ],
  ])('%s', (_, owners, replicas, desired) => {
    const found = changes({ owners }, { replicas }).find(({ pointer }) => pointer === '/replicas');
    expect(found?.desired ?? null).toBe(desired);
  });

  it('a range says nothing of what is no number', () => {
    const owners = [{ path: '/**', owner, min: 0, max: 100 }];
    expect(pointers({ owners })).toEqual(
      expect.arrayContaining(['/env/A', '/image', '/resources/cpu', '/resources/memory']),
    );
  });

  it('to be ignored goes before an owner', () => {
    const owners = [{ path: '/replicas', owner, min: 7, max: 9 }];
    expect(pointers({ owners, ignore: [{ path: '/replicas' }] })).not.toContain('/replicas');
  });
});

describe('what Vigil itself set', () => {
  it('is desired instead of the manifest', () => {
    expect(pointers({}, {}, [override('/replicas', 5)])).not.toContain('/replicas');
    const found = changes({}, {}, [override('/replicas', 4)]);
    expect(found.find(({ pointer }) => pointer === '/replicas')).toMatchObject({ desired: 4 });
  });

  it('holds for a fact that the manifest does not name', () => {
    expect(pointers({}, {}, [override('/env/B', '3')])).not.toContain('/env/B');
    expect(pointers({}, {}, [override('/env/C', '4')])).toContain('/env/C');
  });

  it('stays within the bounds that the manifest has by now', () => {
    const scaled = { ...spec, scaling: { min: 1, max: 4 } };
    const found = driftOf(scaled, observed, {
      sha256: digest,
      overrides: [override('/replicas', 5)],
    });
    expect(found.find(({ pointer }) => pointer === '/replicas')).toMatchObject({ desired: 4 });
  });

  it('leaves an owner his range', () => {
    const owners = [{ path: '/replicas', owner: 'autoscaler', min: 1, max: 9 }];
    expect(pointers({ owners }, {}, [override('/replicas', 3)])).not.toContain('/replicas');
  });

  it('stays within the range of an owner', () => {
    const owners = [{ path: '/replicas', owner: 'autoscaler', min: 1, max: 3 }];
    const found = changes({ owners }, {}, [override('/replicas', 5)]);
    expect(found.find(({ pointer }) => pointer === '/replicas')).toMatchObject({ desired: 3 });
  });
});

describe('a change', () => {
  const severities = (...given: Parameters<typeof changes>) =>
    Object.fromEntries(changes(...given).map(({ pointer, severity }) => [pointer, severity]));

  it('is as severe as the table says', () => {
    expect(severities({}, { labels: { x: '1' } })).toMatchObject({
      ...{ '/env/A': 'warning', '/env/B': 'info', '/image': 'warning', '/replicas': 'warning' },
      ...{ '/labels/x': 'info', '/config/~1etc~1web.conf': 'warning' },
    });
    expect(severities({}, { replicas: 0 })).toMatchObject({ '/replicas': 'critical' });
    expect(severities({}, { isRunning: false })).toMatchObject({ '/running': 'critical' });
  });

  it('is as severe as the manifest says, by the first of its rules that matches', () => {
    const severity: DriftRules['severity'] = [
      { path: '/env/A', severity: 'critical' },
      { path: '/env/*', severity: 'warning' },
      { path: '/image', severity: 'info' },
    ];
    expect(severities({ severity })).toMatchObject({
      ...{ '/env/A': 'critical', '/env/B': 'warning', '/image': 'info', '/replicas': 'warning' },
    });
  });

  it('tells how it came about, where that was seen', () => {
    const known = changes({}).filter((change) => change.attribution !== undefined);
    expect(known.map(({ pointer, attribution: by }) => [pointer, by])).toEqual([
      ['/config/~1etc~1web.conf', attribution['/config/~1etc~1web.conf']],
      ['/env/A', attribution['/env/A']],
    ]);
  });
});
