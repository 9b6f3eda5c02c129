import type { ObservedState } from '../../../domain/action/runtime';
import { UNSEEN } from '../../../domain/action/opaque';
import { driftOf } from '../../../domain/drift/diff';
import { leafOf } from '../../../domain/drift/normalise';
import { tidyPath } from '../../../domain/drift/paths';
import type { ConfigFile, ServiceSpec } from '../../../domain/resource';
import type { ScriptSpec } from '../../../domain/runtime-spec';
import { BARE, digest, DOCKER, PROCESS } from './worlds';

const stands: ObservedState = {
  ...{ identity: 'x', isRunning: true, isAbsent: false, command: null, env: {}, config: [] },
  ...{ image: 'web:2', replicas: 3 },
};

const drift = (spec: ServiceSpec, seen: Partial<ObservedState>) =>
  driftOf(spec, { ...stands, ...seen }, { sha256: digest }).map(
    ({ pointer, kind, desired, observed }) => [pointer, kind, desired, observed],
  );

describe('a set of containers', () => {
  const of = (runtime: Partial<typeof DOCKER>): ServiceSpec => ({
    ...BARE,
    runtime: { ...DOCKER, ...runtime },
  });

  it.each<[string, Partial<typeof DOCKER>, Partial<ObservedState>, unknown[]]>([
    [
      'limits are numbers, whoever told them',
      { resources: { cpus: 0.5, memory: 2 ** 30 } },
      // What comes from outside is text at times.
      { resources: { cpu: '500m', memory: '1Gi' } as never },
      [],
    ],
    [
      'a limit that cannot be read differs',
      { resources: { cpus: 0.5, memory: null } },
      { resources: { cpu: 'half', memory: null } as never },
      [['/resources/cpu', 'changed', 0.5, 'half']],
    ],
    [
      'a limit is compared to a billionth of a core',
      { resources: { cpus: 0.1 + 0.2, memory: null } },
      { resources: { cpu: 0.3, memory: null } },
      [],
    ],
    ['no limit and none are the same', {}, { resources: { cpu: null, memory: null } }, []],
    [
      'a limit that nobody asked for is extra, one that is gone is missing',
      { resources: { cpus: null, memory: 1024 } },
      { resources: { cpu: 2, memory: null } },
      [
        ['/resources/cpu', 'extra', null, 2],
        ['/resources/memory', 'missing', 1024, null],
      ],
    ],
    ['an image by a longer name is the same', {}, { image: 'docker.io/library/web:2' }, []],
    [
      'another tag is another version',
      {},
      { image: 'web:1' },
      [['/image', 'version', 'web:2', 'web:1']],
    ],
    [
      'an image built anew under its name is another version',
      {},
      { image: 'web:2 (sha256:0)' },
      [['/image', 'version', 'web:2', 'web:2 (sha256:0)']],
    ],
    [
      'another image is a change',
      {},
      { image: 'api:2' },
      [['/image', 'changed', 'web:2', 'api:2']],
    ],
    [
      'labels are compared one by one',
      { labels: { a: '1', b: '2' } },
      { labels: { b: '3', c: '4' } },
      [
        ['/labels/a', 'missing', '1', null],
        ['/labels/b', 'changed', '2', '3'],
        ['/labels/c', 'extra', null, '4'],
      ],
    ],
    ['a command that the manifest leaves to the image is right', {}, { command: ['sh'] }, []],
    [
      'another word of a command is a change',
      { command: ['sh', '-c'] },
      { command: ['sh', '-x'] },
      [['/command', 'changed', ['sh', '-c'], ['sh', '-x']]],
    ],
    ['a version that the manifest does not name is right', {}, { version: '7' }, []],
    [
      'a variable of the manifest that is not listed is missing',
      { env: { A: '1' } },
      { env: {} },
      [['/env/A', 'missing', '1', null]],
    ],
    [
      'of an adopted container only that it runs is judged',
      { adopt: 'db', image: null, replicas: 1 },
      { image: 'db:1', labels: { a: '1' }, env: { A: '1' }, replicas: 1, command: ['db'] },
      [],
    ],
  ])('%s', (_, runtime, seen, expected) => {
    expect(drift(of(runtime), seen)).toEqual(expected);
  });
});

describe('a file', () => {
  const of = (file: Partial<ConfigFile>): ServiceSpec => ({
    ...BARE,
    runtime: { type: 'config' },
    config: [{ kind: 'checksum', path: '/etc/web.conf', sha256: 'AB', ...file } as ConfigFile],
  });
  const path = '/etc/./web.conf';

  it.each<[string, Partial<ConfigFile>, ObservedState['config'], unknown[]]>([
    ['is named and summed in more than one way', {}, [{ path, sha256: 'sha256:ab' }], []],
    [
      'that is not there is missing',
      {},
      [{ path, sha256: null }],
      [['/config/~1etc~1web.conf', 'missing', 'ab', null]],
    ],
    ['that nobody looked at is not judged', {}, [], []],
    [
      'has a mode and an owner where the manifest gives them',
      { mode: '0640', owner: 'web' },
      [{ path, sha256: 'ab', mode: '644', owner: 'root' }],
      [
        ['/config-mode/~1etc~1web.conf', 'changed', '0640', '0644'],
        ['/config-owner/~1etc~1web.conf', 'changed', 'web', 'root'],
      ],
    ],
    [
      'has any mode and owner otherwise',
      {},
      [{ path, sha256: 'ab', mode: '0600', owner: 'x' }],
      [],
    ],
    [
      'has a mode in more than one form',
      { mode: '640' },
      [{ path, sha256: 'ab', mode: '0640' }],
      [],
    ],
    ['has a mode that nobody looked at', { mode: '640' }, [{ path, sha256: 'ab' }], []],
  ])('%s', (_, file, config, expected) => {
    expect(drift(of(file), { config, env: null })).toEqual(expected);
  });

  it.each([
    ['./a//b', 'a/b'],
    ['a/./b/', 'a/b'],
    ['a/c/../b', 'a/b'],
    ['../a', '../a'],
    ['../../a', '../../a'],
    ['a/../../b', '../b'],
    ['/../a', '/a'],
    ['/', '/'],
    ['//a', '/a'],
  ])('%s is %s', (path_, tidy) => {
    expect(tidyPath(path_)).toBe(tidy);
  });
});

describe('a runtime that cannot look', () => {
  const runtime: ScriptSpec = {
    ...{ type: 'script', actions: {}, inspect: null, cwd: null, env: { allow: [], set: {} } },
  };
  const spec: ServiceSpec = {
    ...{ ...BARE, runtime },
    config: [{ kind: 'content', path: 'a.conf', content: 'a' }],
    desired: {
      ...{ image: 'web:2', env: { A: '1', B: '2' }, replicas: 2, version: '1.4' },
      resources: { cpu: 1, memory: null },
    },
  };
  const told = (seen: Partial<ObservedState>): unknown[] =>
    drift(spec, { ...{ env: null, image: null, replicas: undefined }, ...seen } as ObservedState);

  it.each<[string, Partial<ObservedState>, unknown[]]>([
    ['what nobody reported is no drift', {}, []],
    ['what is reported as desired is none', { image: 'library/web:2', version: '1.4' }, []],
    [
      'what is reported otherwise is',
      { image: 'web:1', version: '1.3', replicas: 0, isRunning: true },
      [
        ['/image', 'version', 'web:2', 'web:1'],
        ['/replicas', 'changed', 2, 0],
        ['/version', 'version', '1.4', '1.3'],
      ],
    ],
    ['that it does not run is', { isRunning: false }, [['/running', 'changed', true, false]]],
    [
      'only the reported limits that the manifest names are compared',
      { resources: { cpu: 2, memory: 1024 } },
      [['/resources/cpu', 'changed', 1, 2]],
    ],
    ['a limit that nobody reported is no drift', { resources: { memory: 1024 } }, []],
    [
      'only the reported variables that the manifest names are compared',
      { env: { A: '2', PATH: '/bin' } },
      [['/env/A', 'changed', '1', '2']],
    ],
    [
      'a reported null says that it is not there',
      { env: { B: null } },
      [['/env/B', 'missing', '2', null]],
    ],
    [
      'only the reported files that the manifest names are compared',
      { config: [{ path: 'b.conf', sha256: 'x' }] },
      [],
    ],
    [
      'a reported limit is compared',
      { resources: { cpu: '2' as never, memory: null } },
      [['/resources/cpu', 'changed', 1, 2]],
    ],
  ])('%s', (_, seen, expected) => {
    expect(told(seen)).toEqual(expected);
  });

  it('without anything reported nothing is drift, and what is not desired is not compared', () => {
    expect(driftOf(spec, UNSEEN, { sha256: digest })).toEqual([]);
    const bare: ServiceSpec = { ...BARE, runtime };
    expect(drift(bare, { image: 'web:1', replicas: 9, version: '1', env: { A: '1' } })).toEqual([]);
  });
});

it("a process's limits are its resources", () => {
  const limits = { cpuPercent: 29, memoryBytes: 1024 };
  const spec: ServiceSpec = { ...BARE, runtime: { ...PROCESS, limits } };
  const seen = { env: {}, command: PROCESS.command, image: null };
  expect(drift(spec, { ...seen, resources: { cpu: 0.29, memory: 1024 } })).toEqual([]);
  expect(drift(spec, { ...seen, resources: { cpu: 0.3, memory: 1024 } })).toEqual([
    ['/resources/cpu', 'changed', 0.29, 0.3],
  ]);
});

it('a leaf is read back unescaped', () => {
  expect(leafOf('/config/~1etc~1a~0b')).toBe('/etc/a~b');
  expect(leafOf('/running')).toBe('');
});
