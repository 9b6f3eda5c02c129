import { lintTogether } from '../../../language/lint/together';
import { parseManifests } from '../../../language/manifest/compile';
import { formatProblem } from '../../../language/problem';
import { CATALOGUE } from '../../support/catalogue';

const DOCUMENT = { apiVersion: 'vigil.io/v1' };

function document(kind: string, name: string, spec: object): string {
  return JSON.stringify({ ...DOCUMENT, kind, metadata: { name, labels: { is: name } }, spec });
}

const service = (name: string, more: object = {}) =>
  document('Service', name, { runtime: { type: 'process', command: ['node'] }, ...more });
const policy = (name: string, more: object = {}) =>
  document('Policy', name, { condition: 'http_up == 0', action: 'restart', ...more });

/** Each document is one line; problems begin with line:col. */
function objectsOf(documents: readonly string[]) {
  const file = { file: 'm.yaml', catalogue: CATALOGUE };
  const { objects, problems } = parseManifests(documents.join('\n---\n'), file);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return objects;
}

function remarks(documents: readonly string[], inForce: readonly string[] = []): string[] {
  return lintTogether(objectsOf(documents), CATALOGUE, objectsOf(inForce)).map(
    ({ message, severity }) => `${severity}: ${message}`,
  );
}

const web = service('web');
const three = ['web-1', 'web-2', 'web-3'].map((name) => service(name));

describe('a share of the known members that comes to nothing never heals', () => {
  const group = (spec: object) => document('Group', 'g', { members: { name: 'web*' }, ...spec });

  test.each([
    [[web], { limits: { maxUnhealthy: '40%' } }, 'limits.maxUnhealthy: 40 % of 1 = 0', '100'],
    [three, { limits: { maxUnhealthy: '33%' } }, 'limits.maxUnhealthy: 33 % of 3 = 0', '34'],
    [three, { limits: { maxConcurrent: '10%' } }, 'limits.maxConcurrent: 10 % of 3 = 0', '34'],
  ])('of a Group: %# %j', (services, spec, what, enough) => {
    const message = `error: ${what}: never heals; write at least ${enough}%, or a number`;
    expect(remarks([...services, group(spec)])).toEqual([message]);
  });

  test.each([
    [three, { limits: { maxUnhealthy: '34%', maxConcurrent: '100%' }, storm: { members: '67%' } }],
    [[web], { limits: { maxUnhealthy: 3 } }],
    [[service('web', { hosts: ['a', 'b', 'c'] })], { limits: { maxUnhealthy: '34%' } }],
    [[], { limits: { maxUnhealthy: '1%' } }],
  ])('and one that does not is fine: %# %j', (services, spec) => {
    expect(remarks([...services, group(spec)])).toEqual([]);
  });

  test('what is in force counts, too', () => {
    const limited = group({ limits: { maxUnhealthy: '34%' } });
    expect(remarks([limited], three)).toEqual([]);
    expect(remarks([limited, web])).toHaveLength(1);
  });

  test('of a Policy', () => {
    const limits = { maxConcurrent: '50%', maxUnhealthy: '40%' };
    expect(remarks([web, policy('down', { limits })])).toEqual([
      'error: limits.maxConcurrent: 50 % of 1 = 0: never heals; write at least 100%, or a number',
      'error: limits.maxUnhealthy: 40 % of 1 = 0: never heals; write at least 100%, or a number',
    ]);
    expect(remarks([...three, policy('down', { limits })])).toEqual([]);
  });
});

test('a storm takes at least two', () => {
  const storm = (members: string) =>
    remarks([...three, document('Group', 'g', { members: {}, storm: { members } })]);
  expect(storm('20%')).toEqual(['warning: storm.members: 20 % of 3 = 0: a storm takes at least 2']);
  expect(storm('50%')).toEqual(['warning: storm.members: 50 % of 3 = 1: a storm takes at least 2']);
  expect(storm('67%')).toEqual([]);
});

test('a range of unhealthy members that cannot be reached never heals', () => {
  const ranged = (unhealthyRange: string) =>
    remarks([...three, document('Group', 'g', { members: {}, limits: { unhealthyRange } })]);
  expect(ranged('[4-9]')).toEqual([
    'error: limits.unhealthyRange: 4 of 3 are never unhealthy: never heals',
  ]);
  expect(ranged('[3-9]')).toEqual([]);
});

test('a selector that means nobody is warned of, once there is somebody', () => {
  const selector = { name: 'db', labels: {} };
  const lost = [
    policy('p', { target: selector }),
    document('Group', 'g', { members: selector, limits: { maxUnhealthy: 1 } }),
    document('MaintenanceWindow', 'm', {
      target: selector,
      reason: 'backup',
      recurring: { windows: ['Sun 02:00-04:00'] },
    }),
  ];
  expect(remarks(lost)).toEqual([]);
  expect(remarks([web, ...lost])).toEqual([
    'warning: Policy default/p targets none of the Services that were checked with it',
    'warning: Group default/g has as members none of the Services that were checked with it',
    'warning: MaintenanceWindow default/m holds none of the Services that were checked with it',
  ]);
});

describe('the group of a policy', () => {
  const grouped = policy('down', { limits: { group: 'fleet' } });
  const fleet = document('Group', 'fleet', { members: {}, limits: { maxUnhealthy: 1 } });
  const nobody =
    'warning: none of the manifests that were checked with it makes the group default/fleet';
  const held = `${nobody}; without it the policy is held`;

  test.each([
    ['nobody makes', [web, grouped], [], [held]],
    ['a Group makes', [web, grouped, fleet], [], []],
    ['a Group in force makes', [web, grouped], [fleet], []],
    ['the hosts of a Service make', [service('fleet', { hosts: ['a'] }), grouped], [], []],
    ['a Service without hosts does not make', [service('fleet'), grouped], [], [held]],
  ])('is one that %s', (_, documents, inForce, expected) => {
    expect(remarks(documents, inForce)).toEqual(expected);
  });

  test('is suggested where the name is nearly right', () => {
    const other = document('Group', 'fleets', { members: {}, limits: { maxUnhealthy: 1 } });
    expect(remarks([web, grouped, other])).toEqual([`${nobody}; did you mean "default/fleets"?`]);
  });
});

describe('the approvers of a policy', () => {
  const asking = (approval: object) => policy('down', { approval });
  const operators = document('Approvers', 'operators', { members: ['alice', 'bob'] });

  test.each([
    [
      'whom nobody makes',
      { of: ['leads'] },
      ['warning: none of the manifests that were checked with it makes Approvers default/leads'],
    ],
    [
      'whose name is misspelt',
      { of: ['operator'] },
      [
        'warning: none of the manifests that were checked with it makes Approvers default/operator; did you mean "operators"?',
      ],
    ],
    [
      'that are fewer than are required',
      { required: 3, of: ['operators'] },
      ['error: approval.required: 3 of 2 is never reached'],
    ],
    [
      'that are counted once',
      { required: 3, of: ['operators', 'user:bob'] },
      ['error: approval.required: 3 of 2 is never reached'],
    ],
    ['that are enough', { required: 3, of: ['operators', 'user:carol'] }, []],
    [
      'that are too few to escalate to',
      { required: 2, of: ['operators'], onDeadline: 'escalate', escalateTo: ['user:carol'] },
      ['error: approval.required: 2 of 1 is never reached'],
    ],
    ['that are anybody', { required: 5 }, []],
  ])('%s', (_, approval, expected) => {
    expect(remarks([web, operators, asking(approval)])).toEqual(expected);
  });
});

describe('actions', () => {
  test('that no target has are errors, in a dry run warnings, and notify is for all', () => {
    const message = (verbs: string) =>
      `the action scale cannot be done to Service default/web: its runtime process has ${verbs}`;
    const scale = { action: 'scale_up' };
    expect(remarks([web, policy('busy', scale)])).toEqual([
      `error: ${message('restart, sync, notify')}`,
    ]);
    expect(remarks([web, policy('busy', { ...scale, mode: 'dry-run' })])).toEqual([
      `warning: ${message('restart, sync, notify')}`,
    ]);
    expect(remarks([web, policy('busy', { action: 'notify' })])).toEqual([]);
  });
});

describe('dependencies', () => {
  const needing = (name: string, ...dependsOn: string[]) => service(name, { dependsOn });

  test.each([
    ['on itself', [needing('a', 'a')], ['error: Service default/a depends on itself']],
    [
      'on its own member',
      [service('a', { hosts: ['x'], dependsOn: ['a@x'] })],
      ['error: Service default/a depends on itself'],
    ],
    [
      'in a circle',
      [needing('a', 'b'), needing('b', 'c'), needing('c', 'a'), needing('d', 'a')],
      [
        'error: the dependencies go in a circle: default/a → default/b → default/c → default/a; each would wait for the others',
        'error: the dependencies go in a circle: default/b → default/c → default/a → default/b; each would wait for the others',
        'error: the dependencies go in a circle: default/c → default/a → default/b → default/c; each would wait for the others',
      ],
    ],
    [
      'in a diamond',
      [needing('a', 'b', 'c'), needing('b', 'd'), needing('c', 'd'), service('d')],
      [],
    ],
    ['on a member', [needing('a', 'db@x'), service('db', { hosts: ['x'] })], []],
    [
      'on a member that is not there',
      [needing('a', 'db@y'), service('db', { hosts: ['x'] })],
      [
        'warning: none of the manifests that were checked with it makes default/db@y; did you mean "db@x"?',
      ],
    ],
    [
      'on what nobody makes',
      [needing('a', 'other/db')],
      ['warning: none of the manifests that were checked with it makes other/db'],
    ],
  ])('%s', (_, documents, expected) => {
    expect(remarks(documents)).toEqual(expected);
  });

  test('in a circle with what is in force', () => {
    expect(remarks([needing('a', 'b')], [needing('b', 'a')])).toHaveLength(1);
    expect(remarks([needing('a', 'b')], [service('b')])).toEqual([]);
  });
});

test('every problem stands where its field is written', () => {
  const text = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: { type: process, command: [node] }
  dependsOn:
    - db
    - web
---
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec:
  condition: http_up == 0
  steps:
    - { action: restart }
    - { action: scale }
  limits:
    maxConcurrent: 10%
    group: fleet
---
policies:
  - name: busy
    condition: cpu_usage > 80%
    action: scale
    limits: { maxUnhealthy: 5% }
`;
  const { objects } = parseManifests(text, { file: 'm.yaml', catalogue: CATALOGUE });
  const places = lintTogether(objects, CATALOGUE).map((problem) =>
    formatProblem(problem).split(' ').slice(0, 3).join(' '),
  );
  expect(places).toEqual([
    'm.yaml:7:7: none of',
    'm.yaml:8:7: Service default/web',
    'm.yaml:19:20: limits.maxConcurrent: 10',
    'm.yaml:17:17: the action',
    'm.yaml:20:12: none of',
    'm.yaml:26:29: limits.maxUnhealthy: 5',
    'm.yaml:25:13: the action',
  ]);
});
