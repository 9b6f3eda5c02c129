import fc from 'fast-check';
import type { ObservedState } from '../../../domain/action/runtime';
import type { DriftRules, Override } from '../../../domain/drift/rules';
import type { ConfigFile, ServiceSpec } from '../../../domain/resource';
import type { DockerSpec, ProcessSpec } from '../../../domain/runtime-spec';

/** Manifests, what was seen of them, and rules, from so few words that they often meet. */

/** Stands for SHA-256: any function of the text will do here. */
export const digest = (text: string): string => `sum(${text.toLowerCase()})`;

export const PROCESS: ProcessSpec = {
  ...{ type: 'process', command: ['node', 'server.mjs'], env: {}, cwd: '.', stopWithVigil: false },
};

export const DOCKER: DockerSpec = {
  ...{ type: 'docker', image: 'web:2', adopt: null, command: null, env: {}, replicas: 3 },
  ...{ resources: { cpus: null, memory: null }, network: null, ports: [], volumes: [] },
  ...{ labels: {}, stopTimeout: 0, health: null, healthyWithin: 0, runningFor: 0 },
  pull: 'never',
};

export const BARE: Omit<ServiceSpec, 'runtime'> = {
  ...{ hosts: [], labels: {}, healthCheck: null, config: [] },
  sync: { mode: 'heal', cooldownMs: 1000 },
};

const words = fc.constantFrom('a', 'b', 'file:/run/token');
const names = fc.dictionary(fc.constantFrom('A', 'B', 'C'), words, { maxKeys: 3 });
const command = fc.array(words, { minLength: 1, maxLength: 2 });
const image = fc.constantFrom('web', 'web:1', 'docker.io/library/web:1', 'api:1');
const replicas = fc.integer({ min: 1, max: 5 });
const cpu = fc.option(fc.constantFrom(0.1, 0.29, 2));
const memory = fc.option(fc.constantFrom(2 ** 20, 2 ** 30));
const ports = fc.subarray(['8080:80', '127.0.0.1:8443:443/tcp', '53:53/udp']);
const volumes = fc.subarray(['/srv:/srv:ro', 'kept:/kept']);
const network = fc.constantFrom('app', 'none', 'bridge');
const paths = fc.constantFrom('web.conf', './web.conf', '/etc//web.conf', '/etc/a/../b.conf');

const files: fc.Arbitrary<ConfigFile[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ kind: fc.constant('content' as const), path: paths, content: words }),
    fc.record({ kind: fc.constant('checksum' as const), path: paths, sha256: words.map(digest) }),
  ),
  { selector: ({ path }) => path.replace('./', ''), maxLength: 3 },
);

const docker: fc.Arbitrary<DockerSpec> = fc
  .record({
    ...{ image, env: names, replicas, labels: names, command: fc.option(command) },
    ...{ ports, volumes, network: fc.option(network) },
    resources: fc.record({ cpus: cpu, memory }),
  })
  .map((given) => ({ ...DOCKER, ...given }));
const process: fc.Arbitrary<ProcessSpec> = fc
  .record({ env: names, command })
  .map((given) => ({ ...PROCESS, ...given }));

const POINTERS = [
  ...['/running', '/command', '/env/A', '/env/B', '/image', '/replicas', '/resources/cpu'],
  ...['/resources/memory', '/labels/A', '/config/web.conf', '/config/~1etc~1web.conf'],
  ...['/ports', '/volumes', '/network'],
];
const globs = fc.constantFrom(
  ...POINTERS,
  '/env/*',
  '/config/**',
  '/labels/*',
  '/**',
  '/*',
  '/nothing',
);
const accounts = fc.constantFrom('root', 'deploy');

export const ignoreRules = fc.array(
  fc.oneof(
    fc.record({ path: globs }),
    fc.record({ owner: accounts }),
    fc.record({ path: globs, owner: accounts }),
  ),
  { maxLength: 2 },
);
const owners = fc.array(
  fc.oneof(
    fc.record({ path: globs, owner: fc.constant('autoscaler') }),
    fc
      .tuple(fc.constantFrom('/replicas', '/resources/*', '/env/*'), fc.nat(3), fc.nat(3))
      .map(([path, min, more]) => ({ path, owner: 'autoscaler', min, max: min + more })),
  ),
  { maxLength: 2 },
);
const rules: fc.Arbitrary<DriftRules> = fc.record({
  ...{ ignore: ignoreRules, owners, severity: fc.constant([]) },
});

export const specs: fc.Arbitrary<ServiceSpec> = fc
  .record({
    ...{ runtime: fc.oneof(docker, process), config: files },
    drift: rules,
    scaling: fc.constantFrom(undefined, { min: 1, max: 4 }),
  })
  .map(({ scaling, ...given }) => ({ ...BARE, ...given, ...(scaling && { scaling }) }));

export const overrides: fc.Arbitrary<Override[]> = fc.array(
  fc
    .oneof(
      fc.record({ pointer: fc.constant('/replicas'), value: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ pointer: fc.constantFrom('/env/A', '/env/C', '/image'), value: words }),
    )
    .map((given) => ({ ...given, policy: 'default/p', until: null })),
  { maxLength: 2 },
);

const attribution = fc
  .dictionary(fc.constantFrom(...POINTERS), fc.option(accounts), { maxKeys: 6 })
  .map((by) =>
    Object.fromEntries(
      Object.entries(by).map(([pointer, who]) => [
        pointer,
        { from: 'event' as const, by: who, at: null, what: 'was changed' },
      ]),
    ),
  );

/** What may be seen of a spec: what a runtime does not have, it does not tell. */
export function observedOf(spec: ServiceSpec): fc.Arbitrary<ObservedState> {
  const isDocker = spec.runtime.type === 'docker';
  const config = fc.tuple(
    ...spec.config.map(({ path }) =>
      fc.record({ path: fc.constant(path), sha256: fc.option(words.map(digest)) }),
    ),
  );
  const present = fc.record({
    command,
    env: names.map((seen) => listed(spec, seen)),
    image,
    replicas,
  });
  const amounts = fc.record({ cpu, memory });
  const connections = fc.record({ ports, volumes, networks: fc.tuple(network) });
  return fc
    .record({
      ...{ config, attribution, present, amounts, labels: names, connections },
      stands: fc.constantFrom('runs', 'runs', 'stopped', 'absent'),
    })
    .map(({ config: seen, attribution: by, stands, ...world }) => {
      const isRunning = stands === 'runs';
      const { command: run, env, image: from, replicas: count } = world.present;
      return {
        ...{ identity: isRunning ? 'x' : null, isRunning, isAbsent: stands === 'absent' },
        command: isRunning && isCommanded(spec) ? run : null,
        env: isRunning ? env : null,
        ...{ config: seen, attribution: by },
        ...(isDocker && { image: isRunning ? from : null, replicas: isRunning ? count : 0 }),
        ...(isDocker && isRunning && { resources: world.amounts, labels: world.labels }),
        ...(isDocker && isRunning && world.connections),
      };
    });
}

/** A variable of the manifest that is not there is told as null. */
function listed(
  { runtime }: ServiceSpec,
  seen: Record<string, string>,
): Record<string, string | null> {
  const wanted = runtime.type === 'docker' || runtime.type === 'process' ? runtime.env : {};
  return { ...Object.fromEntries(Object.keys(wanted).map((name) => [name, null])), ...seen };
}

function isCommanded({ runtime }: ServiceSpec): boolean {
  return 'command' in runtime && runtime.command !== null;
}

/** A world: a manifest with its rules, Vigil's overrides, and what was seen. */
export const worlds = fc
  .tuple(specs, overrides)
  .chain(([spec, set]) => observedOf(spec).map((observed) => ({ spec, overrides: set, observed })));

/**
 * What a runtime makes of a spec: whatever the spec says is so, files that it does not name stay as
 * they are, and what was changed was changed by Vigil.
 */
export function become(
  target: ServiceSpec,
  before: ObservedState,
  isLeft: (pointer: string) => boolean,
): ObservedState {
  const config = before.config.map((file) => {
    const written = target.config.find(({ path }) => path === file.path);
    return written === undefined ? file : { ...file, sha256: checksumOf(written) };
  });
  if (isLeft('/running')) return { ...before, config };
  const { runtime } = target;
  if (runtime.type !== 'docker' && runtime.type !== 'process') return { ...before, config };
  return {
    ...{ identity: 'y', isRunning: true, isAbsent: false, config },
    command: runtime.command,
    env: { ...runtime.env },
    ...(runtime.type === 'docker' && {
      ...{ image: runtime.image, replicas: runtime.replicas, labels: { ...runtime.labels } },
      resources: { cpu: runtime.resources.cpus, memory: runtime.resources.memory },
      ports: isLeft('/ports') ? before.ports : runtime.ports,
      volumes: isLeft('/volumes') ? before.volumes : runtime.volumes,
      networks: isLeft('/network') ? before.networks : [runtime.network ?? 'default'],
    }),
    attribution: before.attribution ?? {},
  };
}

function checksumOf(file: ConfigFile): string {
  return file.kind === 'content' ? digest(file.content) : file.sha256;
}
