import fc from 'fast-check';
import type { Share } from '../../../domain/policy/policy';
import { compileDocument, parseManifests } from '../../../language/manifest/compile';
import { CATALOGUE } from '../../support/catalogue';

function compiled(kind: string, spec: unknown) {
  const metadata = { name: 'one', namespace: 'shop' };
  const document = { apiVersion: 'vigil.io/v1', kind, metadata, spec };
  const { objects, problems } = compileDocument(document, { file: 'm', catalogue: CATALOGUE });
  expect(problems).toEqual([]);
  return objects[0];
}

const ID = { key: 'shop/one', namespace: 'shop', name: 'one' };

describe('a Group', () => {
  test('is compiled with its members, limits and storm', () => {
    const { objects, problems } = parseManifests(
      `
apiVersion: vigil.io/v1
kind: Group
metadata: { name: one, namespace: shop, labels: { team: web } }
spec:
  members: { name: "web-*", labels: { tier: web, rank: 1 } }
  limits: { maxUnhealthy: 40%, unhealthyRange: "[1-5]", maxConcurrent: 2 }
  storm: { members: 50%, within: 1m }
`,
      { file: 'm.yaml', catalogue: CATALOGUE },
    );
    expect(problems).toEqual([]);
    expect(objects[0]).toMatchObject({ kind: 'Group', service: null, policies: [], line: 2 });
    expect(objects[0]?.definition).toEqual({
      ...ID,
      members: { name: 'web-*', labels: { tier: 'web', rank: '1' } },
      limits: {
        maxUnhealthy: { kind: 'percent', percent: 40 },
        unhealthyRange: { min: 1, max: 5 },
        maxConcurrent: { kind: 'count', count: 2 },
      },
      storm: { members: { kind: 'percent', percent: 50 }, withinMs: 60_000 },
    });
  });

  test('without a storm has none, and a storm is by default one within a minute', () => {
    const members = { name: 'web-*' };
    expect(compiled('Group', { members, limits: { maxUnhealthy: 3 } })?.definition).toEqual({
      ...ID,
      members: { name: 'web-*', labels: {} },
      limits: { maxUnhealthy: { kind: 'count', count: 3 } },
      storm: null,
    });
    expect(compiled('Group', { members, storm: { members: 10 } })?.definition).toMatchObject({
      limits: {},
      storm: { members: { kind: 'count', count: 10 }, withinMs: 60_000 },
    });
  });

  test('reads every share and every range as it is written', () => {
    const percents = fc.integer({ min: 1, max: 100 }).map((percent): [string, Share] => {
      return [`${percent}%`, { kind: 'percent', percent }];
    });
    const counts = fc.integer({ min: 1, max: 1_000_000 }).map((count): [number, Share] => {
      return [count, { kind: 'count', count }];
    });
    const ends = fc.tuple(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 1, max: 9999 }));
    fc.assert(
      fc.property(fc.oneof(percents, counts), ends, ([written, share], [min, more]) => {
        const limits = { maxUnhealthy: written, unhealthyRange: `[${min}-${min + more}]` };
        expect(compiled('Group', { members: {}, limits })?.definition).toMatchObject({
          limits: { maxUnhealthy: share, unhealthyRange: { min, max: min + more } },
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe('a MaintenanceWindow', () => {
  test('is compiled with its fixed times, whatever their zone, and its weekly ones', () => {
    const { objects, problems } = parseManifests(
      `
apiVersion: vigil.io/v1
kind: MaintenanceWindow
metadata: { name: one, namespace: shop }
spec:
  target: { kind: Service, name: "db-*", labels: { tier: db } }
  reason: the disks are replaced
  fixed:
    - { from: 2027-03-28T02:00:00Z, to: 2027-03-28T05:00:00+02:00 }
    - { from: "2027-04-01T00:00:00.5Z", to: 2027-04-01T00:00:01Z }
  recurring: { timezone: Europe/Paris, windows: ["Sun 02:00-04:00"] }
`,
      { file: 'm.yaml', catalogue: CATALOGUE },
    );
    expect(problems).toEqual([]);
    expect(objects[0]?.definition).toEqual({
      ...ID,
      target: { name: 'db-*', labels: { tier: 'db' } },
      reason: 'the disks are replaced',
      fixed: [
        { from: Date.UTC(2027, 2, 28, 2), to: Date.UTC(2027, 2, 28, 3) },
        { from: Date.UTC(2027, 3, 1) + 500, to: Date.UTC(2027, 3, 1) + 1000 },
      ],
      recurring: {
        timezone: 'Europe/Paris',
        active: [{ days: [7], startMinute: 120, endMinute: 240 }],
      },
    });
  });

  test('without a target is for the whole namespace, and needs no more than one kind of time', () => {
    const recurring = { windows: ['Sun 02:00-04:00'] };
    expect(compiled('MaintenanceWindow', { reason: 'backup', recurring })?.definition).toEqual({
      ...ID,
      target: { name: '*', labels: {} },
      reason: 'backup',
      fixed: [],
      recurring: { timezone: 'UTC', active: [{ days: [7], startMinute: 120, endMinute: 240 }] },
    });
    const fixed = [{ from: '2027-03-28T02:00:00Z', to: '2027-03-28T03:00:00Z' }];
    expect(compiled('MaintenanceWindow', { reason: 'move', fixed })?.definition).toMatchObject({
      recurring: null,
    });
  });

  test('reads any span of time as the instants that were written', () => {
    const instants = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2090, 0, 1) });
    fc.assert(
      fc.property(instants, fc.integer({ min: 1, max: 10 ** 9 }), (from, lasts) => {
        const span = { from, to: from + lasts };
        const written = [{ from: iso(span.from), to: iso(span.to) }];
        const object = compiled('MaintenanceWindow', { reason: 'move', fixed: written });
        expect(object?.definition).toMatchObject({ fixed: [span] });
      }),
      { numRuns: 100 },
    );
  });

  test('reads weekly hours as a policy reads its schedule', () => {
    const windows = fc.constantFrom(
      'Mon-Fri 08:00-20:00',
      'daily 22:00-06:00',
      'Sat,Sun 0:00-24:00',
    );
    fc.assert(
      fc.property(fc.uniqueArray(windows, { minLength: 1 }), (active) => {
        const weekly = { timezone: 'America/New_York', windows: active };
        const schedule = { timezone: 'America/New_York', active };
        const window = compiled('MaintenanceWindow', {
          reason: 'x',
          recurring: weekly,
        })?.definition;
        const policy = compiled('Policy', { condition: 'a > 1', action: 'restart', schedule });
        const [read] = policy?.policies ?? [];
        expect(read?.schedule).toBeDefined();
        expect(window).toMatchObject({ recurring: read?.schedule });
      }),
      { numRuns: 20 },
    );
  });
});

function iso(at: number): string {
  return new Date(at).toISOString();
}

test('Approvers are a list of people', () => {
  const members = ['alice', 'Bob B.', 'carol@example.org'];
  expect(compiled('Approvers', { members })?.definition).toEqual({ ...ID, members });
});

describe('a Policy', () => {
  const policyOf = (spec: object) =>
    compiled('Policy', { condition: 'http_up == 0', action: 'restart', ...spec })?.policies[0];

  test.each([
    [{}, { attempts: 3, maxConcurrent: 1, perHour: 4 }],
    [{ perHour: 60 }, { attempts: 3, maxConcurrent: 1, perHour: 60 }],
    [{ maxConcurrent: '10%' }, { maxConcurrent: 1, maxConcurrentPercent: 10 }],
    [{ maxUnhealthy: 2 }, { maxUnhealthy: { kind: 'count', count: 2 } }],
    [{ maxUnhealthy: '40 %' }, { maxUnhealthy: { kind: 'percent', percent: 40 } }],
    [{ group: 'web' }, { group: 'shop/web' }],
    [{ group: 'edge/web' }, { group: 'edge/web' }],
  ])('limits %j are compiled to %j', (limits, expected) => {
    expect(policyOf({ limits })?.limits).toMatchObject(expected);
  });

  test('says nothing of a group or of unhealthy members unless it was written', () => {
    expect(Object.keys(policyOf({})?.limits ?? {})).toEqual([
      'attempts',
      'maxConcurrent',
      'perHour',
    ]);
  });

  test('names who approves, and who does once the deadline passed', () => {
    const approval = { required: 2, of: ['operators', 'user:Alice'] };
    expect(policyOf({ approval })?.approval).toEqual({
      required: 2,
      deadlineMs: 900_000,
      onDeadline: 'expire',
      of: ['operators', 'user:Alice'],
    });
    const escalating = { of: ['operators'], onDeadline: 'escalate', escalateTo: ['leads'] };
    expect(policyOf({ approval: escalating })?.approval).toEqual({
      required: 1,
      deadlineMs: 900_000,
      onDeadline: 'escalate',
      of: ['operators'],
      escalateTo: ['leads'],
    });
  });

  test('is a ladder where its steps say after how long', () => {
    const steps = [
      { action: 'restart' },
      { action: 'scale_up', after: '5m' },
      { action: 'notify', params: { channel: 'ops', message: 'look at it' }, after: 0 },
    ];
    expect(policyOf({ action: undefined, steps })?.steps).toEqual([
      { action: 'restart', params: {} },
      { action: 'scale', params: { by: 1 }, afterMs: 300_000 },
      { action: 'notify', params: { channel: 'ops', message: 'look at it' }, afterMs: 0 },
    ]);
  });

  test('may do no more than tell people, which every policy can', () => {
    const policy = policyOf({ action: 'notify' });
    expect(policy).toMatchObject({ mode: 'enforce', steps: [{ action: 'notify', params: {} }] });
  });

  test('is demoted when its fixes do not hold, unless it says otherwise', () => {
    expect(policyOf({})).not.toHaveProperty('onFalseFixes');
    expect(policyOf({ onFalseFixes: 'demote' })).toEqual(policyOf({}));
    expect(policyOf({ onFalseFixes: 'ignore' })).toMatchObject({ onFalseFixes: 'ignore' });
  });
});

describe('a Service', () => {
  const runtime = { type: 'process', command: ['node'] };

  test('names what it depends on, by default in its own namespace', () => {
    const dependsOn = ['db', 'edge/proxy', 'cache@a'];
    expect(compiled('Service', { runtime, dependsOn })?.service).toMatchObject({
      dependsOn: ['shop/db', 'edge/proxy', 'shop/cache@a'],
    });
  });

  test('runs on the control host, or on the one that its runtime names', () => {
    expect(compiled('Service', { runtime })?.service).not.toHaveProperty('host');
    const service = compiled('Service', { runtime: { ...runtime, host: 'edge-1' } })?.service;
    expect(service).toMatchObject({ host: 'edge-1', hosts: [] });
    expect(service?.runtime).toEqual(compiled('Service', { runtime })?.service?.runtime);
  });

  test('says how far it may be scaled', () => {
    const scaled = (scaling: object) => compiled('Service', { runtime, scaling })?.service?.scaling;
    expect(scaled({ min: 2, max: 5 })).toEqual({ min: 2, max: 5 });
    expect(scaled({ max: 5 })).toEqual({ min: 1, max: 5 });
    expect(scaled({ min: 0, max: 1 })).toEqual({ min: 0, max: 1 });
  });

  test('says neither unless it was written', () => {
    const service = compiled('Service', { runtime })?.service;
    expect(service).not.toHaveProperty('dependsOn');
    expect(service).not.toHaveProperty('scaling');
  });
});
