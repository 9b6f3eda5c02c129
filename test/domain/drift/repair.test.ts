import type { ObservedState } from '../../../domain/action/runtime';
import { NOT_SHOWN } from '../../../domain/drift/change';
import {
  isLeft,
  needsLook,
  repairSpec,
  settledOf,
  withSettled,
} from '../../../domain/drift/repair';
import type { DriftRules, Override } from '../../../domain/drift/rules';
import type { ServiceSpec } from '../../../domain/resource';
import type { DockerSpec } from '../../../domain/runtime-spec';
import { BARE, digest, DOCKER, PROCESS } from './worlds';

const spec: ServiceSpec = {
  ...BARE,
  runtime: { ...DOCKER, env: { A: '1', B: '2' }, command: ['serve'], labels: { team: 'shop' } },
  config: [
    { kind: 'content', path: './etc/web.conf', content: 'a', mode: '0640', owner: 'web' },
    { kind: 'content', path: 'other.conf', content: 'b' },
  ],
};
const observed: ObservedState = {
  ...{ identity: 'x', isRunning: true, isAbsent: false, command: ['serve', '--debug'] },
  ...{ env: { A: '9', B: null, C: '3' }, image: 'web:1 (sha256:0)', replicas: 7 },
  ...{ resources: { cpu: 2, memory: null }, labels: { team: 'x' } },
  config: [
    { path: './etc/web.conf', sha256: digest('z') },
    { path: 'other.conf', sha256: null },
  ],
};

function repaired(
  drift: Partial<DriftRules>,
  seen: Partial<ObservedState> = {},
  overrides: Override[] = [],
): ServiceSpec & { runtime: DockerSpec } {
  const rules = { ignore: [], owners: [], severity: [], ...drift };
  const got = repairSpec({ ...spec, drift: rules }, { ...observed, ...seen }, { overrides });
  return got as ServiceSpec & { runtime: DockerSpec };
}

const ignoring = (...paths: string[]) => ({ ignore: paths.map((path) => ({ path })) });

it('without rules and overrides it is what the manifest says', () => {
  expect(repairSpec(spec, observed, {})).toEqual(spec);
  expect(needsLook(spec)).toBe(false);
  expect(needsLook({ ...spec, drift: { ignore: [], owners: [], severity: [] } })).toBe(false);
  const owners = [{ path: '/image', owner: 'o' }];
  expect(needsLook({ ...spec, drift: { ignore: [], owners, severity: [] } })).toBe(true);
  expect(needsLook({ ...spec, drift: { ...ignoring('/image'), owners: [], severity: [] } })).toBe(
    true,
  );
});

describe('what is ignored stays as it is', () => {
  it.each<[string, object]>([
    ['/command', { command: ['serve', '--debug'] }],
    ['/image', { image: 'web:1' }],
    ['/replicas', { replicas: 7 }],
    ['/resources/*', { resources: { cpus: 2, memory: null } }],
    ['/labels/team', { labels: { team: 'x' } }],
    ['/env/A', { env: { A: '9', B: '2' } }],
    ['/env/B', { env: { A: '1' } }],
    ['/env/C', { env: { A: '1', B: '2', C: '3' } }],
    ['/env/*', { env: { A: '9', C: '3' } }],
    ['/running', {}],
  ])('%s', (path, expected) => {
    expect(repaired(ignoring(path)).runtime).toEqual({ ...spec.runtime, ...expected });
  });

  it('a file is left out, its mode and its owner are left alone', () => {
    const [file, other] = spec.config;
    expect(repaired(ignoring('/config/etc~1*')).config).toEqual([other]);
    expect(repaired(ignoring('/config-mode/**')).config).toEqual([
      { kind: 'content', path: './etc/web.conf', content: 'a', owner: 'web' },
      other,
    ]);
    expect(repaired(ignoring('/config-owner/**')).config).toEqual([
      { kind: 'content', path: './etc/web.conf', content: 'a', mode: '0640' },
      other,
    ]);
    expect(repaired({}).config).toEqual([file, other]);
  });

  it('a command that the manifest leaves to the image is left to it', () => {
    const runtime = { ...DOCKER, command: null };
    const drift = { ...ignoring('/**'), owners: [], severity: [] };
    const { image, replicas } = DOCKER;
    const seen = { ...observed, image, replicas };
    const got = repairSpec({ ...BARE, runtime, drift }, seen, {}).runtime;
    expect(got).toMatchObject({ command: null, env: { A: '9', C: '3' } });
  });

  it('what is told to nobody is made as the manifest says, and is left all the same', () => {
    const env = { KEY: 'file:/run/key', NEW: 'file:/run/new', PLAIN: 'a', OTHER: 'b' };
    const drift = { ...ignoring('/env/*'), owners: [], severity: [] };
    const one = { ...spec, runtime: { ...DOCKER, env }, drift };
    const seen = { ...observed, env: { KEY: NOT_SHOWN, NEW: null, PLAIN: null, OTHER: NOT_SHOWN } };
    const kept = { KEY: 'file:/run/key', OTHER: 'b' };
    expect(repairSpec(one, seen, {}).runtime).toEqual({ ...one.runtime, env: kept });
    const settled = settledOf(one, seen, {});
    const names = Object.keys(env).map((name) => `/env/${name}`);
    expect(names.filter((name) => !isLeft({ settled }, name))).toEqual([]);
  });

  it('by who did it, and only what he did', () => {
    const by = { from: 'file' as const, by: 'root', at: null, what: 'written' };
    const attribution = { '/config/etc~1web.conf': by };
    expect(repaired({ ignore: [{ owner: 'root' }] }, { attribution }).config).toEqual([
      spec.config[1],
    ]);
  });

  it('of what was never started, what is not there is made as the manifest says', () => {
    const absent = { isRunning: false, isAbsent: true, env: null, command: null, image: null };
    const [, other] = spec.config;
    const got = repaired(ignoring('/**'), { ...absent, resources: { cpu: null, memory: null } });
    expect(got.runtime).toMatchObject({ env: { A: '1', B: '2' }, image: 'web:2', replicas: 3 });
    // One file is there already, whoever wrote it.
    expect(got.config).toEqual([other]);
  });

  it('what does not run tells nothing of how it ran: it is made as the manifest says', () => {
    const stopped = { isRunning: false, env: null, command: null, image: null, replicas: 0 };
    const seen = { ...stopped, labels: { team: 'shop' }, resources: { cpu: null, memory: null } };
    expect(repaired(ignoring('/env/*', '/replicas', '/image'), seen).runtime).toEqual(spec.runtime);
  });
});

describe('owners and overrides', () => {
  const override = { pointer: '/replicas', value: 5, policy: null, until: null };
  const range = { path: '/replicas', owner: 'autoscaler', min: 2, max: 6 };

  it.each<[string, Partial<DriftRules>, [Partial<ObservedState>, Override[]?], number]>([
    [
      'an owner without a range keeps what he set',
      { owners: [{ path: '/replicas', owner: 'o' }] },
      [{}, []],
      7,
    ],
    ['an owner with a range keeps what is in it', { owners: [range] }, [{ replicas: 4 }, []], 4],
    ['beyond the range the nearest bound is made', { owners: [range] }, [{}, []], 6],
    ['an override is made', {}, [{}, [override]], 5],
    ['an override of what does not run is made', {}, [{ isRunning: false }, [override]], 5],
    [
      'a range of what does not run bounds the manifest',
      { owners: [{ ...range, max: 2 }] },
      [{ isRunning: false }, []],
      2,
    ],
    [
      'an ignored fact that nobody saw is what Vigil set',
      ignoring('/replicas'),
      [{ isRunning: false }, [override]],
      5,
    ],
    ['the last override counts', {}, [{}, [{ ...override, value: 4 }, override]], 5],
  ])('%s', (_, drift, [seen, overrides], replicas) => {
    expect(repaired(drift, seen, overrides).runtime.replicas).toBe(replicas);
  });
});

it("a process's command, variables and limits are settled too", () => {
  const runtime = { ...PROCESS, env: { A: '1' }, limits: { cpuPercent: 50, openFiles: 10 } };
  const drift = { ...ignoring('/**'), owners: [], severity: [] };
  const resources = { cpu: 0.29, memory: 1024 };
  const seen = { ...observed, command: ['x'], env: { A: null }, resources };
  expect(repairSpec({ ...BARE, runtime, drift }, seen, {}).runtime).toEqual({
    ...{ ...PROCESS, command: ['x'], env: {} },
    limits: { cpuPercent: 29, memoryBytes: 1024, openFiles: 10 },
  });
});

it('a number of a health check becomes what its owner says, where there is a check', () => {
  const pointer = '/healthCheck/retries';
  const settled = [{ pointer, value: 5, from: 'owner' as const }];
  const health = { command: ['true'], interval: 1, timeout: 1, retries: 3, startPeriod: 0 };
  const withHealth = (one: typeof health | null) => ({
    ...spec,
    runtime: { ...spec.runtime, health: one },
  });
  expect(withSettled(withHealth(health), settled)).toEqual(withHealth({ ...health, retries: 5 }));
  expect(withSettled(withHealth(null), settled)).toEqual(withHealth(null));
});

it('what outsiders report of a script is settled in what is desired of it', () => {
  const env = { allow: [], set: {} };
  const runtime = { type: 'script' as const, actions: {}, inspect: null, env, cwd: null };
  const desired = { image: 'web:2', env: { A: '1' }, resources: { cpu: 1, memory: null } };
  const settled = [
    { pointer: '/image', value: 'web:1', from: 'override' as const },
    { pointer: '/env/A', value: null, from: 'observed' as const },
    { pointer: '/resources/cpu', value: 2, from: 'owner' as const },
    { pointer: '/running', value: false, from: 'observed' as const },
  ];
  expect(withSettled({ ...BARE, runtime, desired }, settled)).toEqual({
    ...{ ...BARE, runtime },
    desired: { image: 'web:1', env: {}, resources: { cpu: 2, memory: null } },
  });
});

it('of a file nothing is written down but that it is left alone', () => {
  const drift = { ...ignoring('/config/**'), owners: [], severity: [] };
  expect(settledOf({ ...spec, drift }, observed, {})).toEqual([
    { pointer: '/config/etc~1web.conf', value: null, from: 'observed' },
    { pointer: '/config/other.conf', value: null, from: 'observed' },
  ]);
});

it('only what is ignored is left: what Vigil or an owner set is to be made', () => {
  const pointer = '/replicas';
  const settled = (['override', 'owner', 'observed'] as const).map((from) => ({
    ...{ pointer, value: 2, from },
  }));
  expect(settled.map((one) => isLeft({ settled: [one] }, pointer))).toEqual([false, false, true]);
  expect(isLeft({ settled }, '/image')).toBe(false);
  expect(isLeft({}, pointer)).toBe(false);
});

it('one limit is settled without the other, and no file by what Vigil set', () => {
  const limits = { cpuPercent: 50, memoryBytes: 1024 };
  const drift = { ...ignoring('/resources/cpu'), owners: [], severity: [] };
  const process = { ...BARE, runtime: { ...PROCESS, limits }, drift };
  const seen = { ...observed, resources: { cpu: 1, memory: 9 } };
  const got = repairSpec(process, seen, {}).runtime;
  expect(got).toMatchObject({ limits: { cpuPercent: 100, memoryBytes: 1024 } });
  const override = { pointer: '/config/other.conf', value: 'x', policy: null, until: null };
  expect(repaired({}, {}, [override]).config).toEqual(spec.config);
});
