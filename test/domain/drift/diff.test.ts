import fc from 'fast-check';
import type { ObservedState } from '../../../domain/action/runtime';
import type { FactValue } from '../../../domain/drift/change';
import { diff, driftOf } from '../../../domain/drift/diff';
import { desiredFacts, groupOf, pointerTo, type Facts } from '../../../domain/drift/normalise';
import type { ServiceSpec } from '../../../domain/resource';
import type { ProcessSpec } from '../../../domain/runtime-spec';

/** Stands for SHA-256: any function of the text will do here. */
const digest = (text: string): string => `sum(${text})`;
const input = { sha256: digest };

const server: ProcessSpec = {
  type: 'process',
  command: ['node', 'server.mjs'],
  env: { PORT: '80', TOKEN: 'file:/run/token' },
  cwd: '.',
  stopWithVigil: false,
};
const spec: ServiceSpec = {
  runtime: server,
  hosts: [],
  labels: {},
  healthCheck: null,
  config: [
    { kind: 'content', path: './etc/web.conf', content: 'a' },
    { kind: 'checksum', path: '/etc/big.bin', sha256: 'ABCD' },
  ],
  sync: { mode: 'heal', cooldownMs: 1000 },
};

const healthy: ObservedState = {
  identity: 'boot:1:2',
  isRunning: true,
  isAbsent: false,
  command: ['node', 'server.mjs'],
  env: { PORT: '80', TOKEN: 'file:/run/token' },
  config: [
    { path: 'etc/web.conf', sha256: 'sum(a)' },
    { path: '/etc/big.bin', sha256: 'abcd' },
  ],
};

describe('drift of a Service', () => {
  it('is empty when everything is as the manifest says', () => {
    expect(driftOf(spec, healthy, input)).toEqual([]);
  });

  it('is empty where nobody looked', () => {
    const unseen: ObservedState = { ...healthy, isUnseen: true, isRunning: false, config: [] };
    expect(driftOf(spec, unseen, input)).toEqual([]);
  });

  it("asks nothing of a script's environment, which is that of its runs", () => {
    const env = { allow: ['PATH'], set: { A: '1' } };
    const runtime = { type: 'script' as const, actions: {}, inspect: null, env, cwd: null };
    const facts = desiredFacts({ ...spec, runtime, config: [] }, digest);
    expect([...facts.values.keys()]).toEqual(['/running']);
  });

  it.each<[string, Partial<ObservedState>, unknown[]]>([
    [
      'a resource that was never started is missing',
      { identity: null, isRunning: false, isAbsent: true, command: null, env: null },
      [
        {
          pointer: '/running',
          kind: 'missing',
          desired: true,
          observed: null,
          severity: 'critical',
        },
      ],
    ],
    [
      'a resource that stopped has changed, and its command and environment are not judged',
      { identity: null, isRunning: false, command: null, env: null },
      [
        {
          pointer: '/running',
          kind: 'changed',
          desired: true,
          observed: false,
          severity: 'critical',
        },
      ],
    ],
    [
      'another command is a change',
      { command: ['node', 'server.mjs', '--debug'] },
      [
        {
          pointer: '/command',
          kind: 'changed',
          desired: ['node', 'server.mjs'],
          observed: ['node', 'server.mjs', '--debug'],
          severity: 'warning',
        },
      ],
    ],
    [
      'variables are compared one by one, a secret by its reference',
      { env: { PORT: '81', TOKEN: null, DEBUG: '1' } },
      [
        { pointer: '/env/DEBUG', kind: 'extra', desired: null, observed: '1', severity: 'info' },
        {
          pointer: '/env/PORT',
          kind: 'changed',
          desired: '80',
          observed: '81',
          severity: 'warning',
        },
        {
          pointer: '/env/TOKEN',
          kind: 'missing',
          desired: 'file:/run/token',
          observed: null,
          severity: 'warning',
        },
      ],
    ],
    [
      'a file is compared by checksum, its path escaped in the pointer',
      {
        config: [
          { path: 'etc/web.conf', sha256: 'sum(b)' },
          { path: '/etc/big.bin', sha256: null },
        ],
      },
      [
        {
          pointer: '/config/etc~1web.conf',
          kind: 'changed',
          desired: 'sum(a)',
          observed: 'sum(b)',
          severity: 'warning',
        },
        {
          pointer: '/config/~1etc~1big.bin',
          kind: 'missing',
          desired: 'abcd',
          observed: null,
          severity: 'warning',
        },
      ],
    ],
  ])('%s', (_name, observed, expected) => {
    const changes = driftOf(spec, { ...healthy, ...observed }, input);
    expect(changes).toEqual(
      [...expected].sort((a, b) =>
        (a as { pointer: string }).pointer < (b as { pointer: string }).pointer ? -1 : 1,
      ),
    );
  });
});

describe('drift of a set of containers', () => {
  const containers: ServiceSpec = {
    ...spec,
    config: [],
    runtime: {
      ...{ type: 'docker', image: 'web:2', adopt: null, command: null, env: {}, replicas: 3 },
      ...{ resources: { cpus: null, memory: null }, network: null, ports: [], volumes: [] },
      ...{ labels: {}, stopTimeout: 0, health: null, healthyWithin: 0, runningFor: 0 },
      pull: 'never',
    },
  };
  const observed: ObservedState = {
    ...{ identity: 'a,b,c', isRunning: true, isAbsent: false, command: null, env: {}, config: [] },
    ...{ image: 'web:2', replicas: 3 },
  };
  const pointers = (given: Partial<ServiceSpec>, seen: Partial<ObservedState>) =>
    driftOf({ ...containers, ...given }, { ...observed, ...seen }, input).map(
      ({ pointer, desired, observed: found }) => [pointer, desired, found],
    );

  it.each<[string, Partial<ServiceSpec>, Partial<ObservedState>, unknown[]]>([
    ['as the manifest says there is none', {}, {}, []],
    ['another tag is another version', {}, { image: 'web:1' }, [['/image', 'web:2', 'web:1']]],
    ['another number is a change', {}, { replicas: 2 }, [['/replicas', 3, 2]]],
    [
      'with none that runs only that is told',
      {},
      { isRunning: false, identity: null, image: null, replicas: 0, env: null },
      [['/running', true, false]],
    ],
    [
      'a number within the bounds of actions is one that somebody set by hand',
      { scaling: { min: 1, max: 5 } },
      { replicas: 5 },
      [['/replicas', 3, 5]],
    ],
  ])('%s', (_name, given, seen, expected) => {
    expect(pointers(given, seen)).toEqual(expected);
  });
});

const value: fc.Arbitrary<FactValue> = fc.oneof(
  fc.boolean(),
  fc.string(),
  fc.array(fc.string(), { maxLength: 3 }),
);
const group = fc.constantFrom('running', 'command', 'env', 'config');
const facts: fc.Arbitrary<Facts> = fc.record({
  values: fc
    .array(fc.tuple(group, fc.string(), value), { maxLength: 8 })
    .map((leaves) => new Map(leaves.map(([g, leaf, v]) => [pointerTo(g, leaf), v]))),
  unseen: fc.subarray(['running', 'command', 'env', 'config']).map((names) => new Set(names)),
});

describe('properties of diff', () => {
  it('nothing differs from itself', () => {
    fc.assert(fc.property(facts, (x) => diff(x, x).length === 0));
  });

  it('a Service observed exactly as desired has no drift, whatever its names hold', () => {
    const names = fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 4 });
    fc.assert(
      fc.property(names, names, (env, files) => {
        const config = Object.entries(files).map(([path, content]) => ({
          kind: 'content' as const,
          path,
          content,
        }));
        const desired = { ...spec, runtime: { ...server, env }, config };
        const observed = {
          ...healthy,
          env,
          config: config.map(({ path, content }) => ({ path, sha256: digest(content) })),
        };
        return driftOf(desired, observed, input).length === 0;
      }),
    );
  });

  it('swapping the sides swaps missing and extra and keeps the pointers', () => {
    const swapped = { missing: 'extra', extra: 'missing', changed: 'changed', version: 'version' };
    fc.assert(
      fc.property(facts, facts, (x, y) => {
        const there = diff(x, y).map(({ pointer, kind }) => [pointer, kind]);
        const back = diff(y, x).map(({ pointer, kind }) => [pointer, swapped[kind]]);
        expect(back).toEqual(there);
      }),
    );
  });

  it('one changed leaf is one change, and a group that was not seen is none', () => {
    fc.assert(
      fc.property(facts, fc.string(), (x, leaf) => {
        const pointer = pointerTo('env', leaf);
        const seen = { ...x, unseen: new Set([...x.unseen].filter((g) => g !== 'env')) };
        const other = {
          ...seen,
          values: new Map([...seen.values, [pointer, ['not', 'the', 'same', 'as', 'before']]]),
        };
        expect(diff(seen, other).map((change) => change.pointer)).toEqual([pointer]);
        expect(diff(seen, { ...other, unseen: new Set([...x.unseen, 'env']) })).toEqual([]);
      }),
    );
  });

  it('a pointer gives its group and its leaf back', () => {
    fc.assert(
      fc.property(group, fc.string(), (name, leaf) => {
        const pointer = pointerTo(name, leaf);
        expect(groupOf(pointer)).toBe(name);
        const escaped = pointer.slice(name.length + 2);
        expect(escaped).not.toContain('/');
        expect(escaped.replaceAll('~1', '/').replaceAll('~0', '~')).toBe(leaf);
      }),
    );
  });

  it('equal content under another spelling of its path is no drift', () => {
    const [file, binary] = ['etc//web.conf', '/etc/./big.bin'];
    const respelt: ServiceSpec = {
      ...spec,
      config: [
        { kind: 'content', path: file, content: 'a' },
        { kind: 'checksum', path: binary, sha256: 'abcd' },
      ],
    };
    expect(diff(desiredFacts(spec, digest), desiredFacts(respelt, digest))).toEqual([]);
  });
});
