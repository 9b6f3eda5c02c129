import fc from 'fast-check';

/** Manifests of every kind with any of their fields, as plain data; each of them is free of problems. */

export type ManifestData = Readonly<Record<string, unknown>>;

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const duration = fc.constantFrom('500ms', '5s', '90s', '5m', '1h', 30_000);
const share = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom('1%', '40%', '100%'));
const text = fc.constantFrom('a', 'b c', '8080', '1.10', 'true', 'null', 'ä ö', '# no comment', '');
const labels = fc.dictionary(name, fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 4 });
const environment = fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,6}$/), text, { maxKeys: 4 });
const words = fc.array(fc.constantFrom('node', 'server.mjs', '--port', '8080', '1.10'), {
  ...{ minLength: 1, maxLength: 4 },
});

/** Any of the fields. */
function some(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<ManifestData> {
  return fc.record(fields, { requiredKeys: [] });
}

/** These fields, and any of the others. */
function having(
  always: Record<string, fc.Arbitrary<unknown>>,
  others: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<ManifestData> {
  return fc.record({ ...always, ...others }, { requiredKeys: Object.keys(always) });
}

const target = some({ kind: fc.constant('Service'), name: fc.constantFrom('*', 'web-?'), labels });
const people = fc.uniqueArray(fc.constantFrom('ann', 'user:bob', 'ops'), { minLength: 1 });
const approval = fc.oneof(
  some({ required: fc.constantFrom(1, 2), of: people, deadline: fc.constantFrom('15m', '2h') }),
  having({ onDeadline: fc.constant('escalate'), escalateTo: people }, { of: people }),
);

const process = having(
  { type: fc.constant('process'), command: words },
  {
    env: environment,
    cwd: fc.constantFrom('.', '/srv'),
    stopWithVigil: fc.boolean(),
    reload: some({ signal: fc.constantFrom('SIGHUP', 'SIGUSR1') }),
    limits: some({
      memory: fc.constantFrom('512Mi', '2Gi'),
      cpu: fc.constantFrom('50%', '200%'),
      openFiles: fc.integer({ min: 1, max: 9999 }),
    }),
  },
);

const docker = having(
  { type: fc.constant('docker'), image: fc.constantFrom('nginx:1.27', 'registry:5000/a/b') },
  {
    command: words,
    env: environment,
    replicas: fc.integer({ min: 1, max: 5 }),
    network: fc.constant('front'),
    labels: environment,
    health: having(
      { command: words },
      { interval: duration, retries: fc.integer({ min: 1, max: 5 }) },
    ),
    pull: fc.constantFrom('never', 'missing'),
  },
);

const systemd = having(
  { type: fc.constant('systemd'), unit: fc.constantFrom('nginx', 'web@1.service') },
  { scope: fc.constantFrom('system', 'user') },
);

const script = having({
  type: fc.constant('script'),
  actions: fc.dictionary(
    fc.constantFrom('restart', 'failover', 'warm-up'),
    having({ command: words }),
    {
      minKeys: 1,
    },
  ),
});

const sync = some({
  mode: fc.constantFrom('detect', 'heal'),
  cooldown: duration,
  approval,
  backoff: fc.oneof(
    fc.array(duration, { minLength: 1, maxLength: 4 }),
    some({ initial: fc.constant('2s'), factor: fc.constantFrom(2, 1.5), max: fc.constant('5m') }),
  ),
});

const drift = some({
  ignore: fc.array(having({ path: fc.constantFrom('/env/*', '/labels/a') }, { owner: name })),
  owners: fc.array(
    having(
      { path: fc.constant('/replicas'), owner: name },
      { min: fc.constant(1), max: fc.constant(9) },
    ),
  ),
  severity: fc.array(having({ path: fc.constant('/image'), severity: fc.constant('critical') })),
});

const service = having(
  { runtime: fc.oneof(process, docker, systemd, script) },
  {
    hosts: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
    healthCheck: having(
      { endpoint: fc.constant('http://127.0.0.1:8080/health') },
      { interval: duration, timeout: duration, threshold: fc.integer({ min: 1, max: 5 }) },
    ),
    config: fc.uniqueArray(
      having(
        { path: fc.constantFrom('/etc/a', '/etc/b'), content: text },
        { mode: fc.constant('0640'), owner: fc.constant('root:root') },
      ),
      { selector: ({ path }) => path, maxLength: 2 },
    ),
    sync,
    drift,
    dependsOn: fc.uniqueArray(fc.constantFrom('db', 'other/cache', 'db@a')),
    scaling: having({ max: fc.integer({ min: 3, max: 9 }) }, { min: fc.constantFrom(0, 2) }),
  },
);

const simple = having(
  {
    type: fc.constantFrom('metric_exceeds', 'metric_below'),
    metric: fc.constantFrom('load', 'lag'),
    threshold: fc.constantFrom(5, '7'),
  },
  { for: fc.constantFrom('5m', '30s') },
);
const condition = fc.oneof(
  fc.constantFrom('load > 5 for 5m', 'avg_over_time(lag[5m]) > 30', 'load > 9 AND lag > 2'),
  simple,
  having({ any: fc.array(simple, { minLength: 1, maxLength: 3 }) }, { for: fc.constant('1m') }),
);

const step = having(
  { action: fc.constantFrom('restart', 'notify') },
  { after: fc.constantFrom('1m', '5m') },
);
const steps = fc
  .tuple(having({ action: fc.constant('restart') }), fc.array(step, { maxLength: 3 }))
  .map(([first, rest]) => [first, ...rest]);

const policy = fc
  .tuple(
    fc.oneof(having({ action: fc.constant('restart') }), having({ steps })),
    having(
      { condition },
      {
        target,
        severity: fc.constantFrom('info', 'warning', 'critical'),
        cooldown: duration,
        limits: some({
          attempts: fc.constantFrom(1, 5),
          perHour: fc.constantFrom(2, 10),
          maxConcurrent: share,
          maxUnhealthy: share,
          group: fc.constantFrom('web', 'other/web'),
        }),
        approval,
        verify: some({
          settle: fc.constant('5s'),
          stable: fc.constant('20s'),
          within: fc.constant('3m'),
        }),
        schedule: having(
          { active: fc.constant(['Mon-Fri 08:00-20:00', 'Sun 10:00-12:00']) },
          { timezone: fc.constantFrom('UTC', 'Europe/Paris') },
        ),
        mode: fc.constantFrom('enforce', 'dry-run'),
        missing: fc.constantFrom('hold', 'healthy', 'firing'),
        enabled: fc.boolean(),
        onFalseFixes: fc.constantFrom('demote', 'ignore'),
      },
    ),
  )
  .map(([what, rest]) => ({ ...what, ...rest }));

const group = having(
  { members: target, limits: some({ maxUnhealthy: share, maxConcurrent: share }) },
  { storm: having({ members: fc.constantFrom(2, '50%') }, { within: duration }) },
);

const maintenance = having(
  {
    reason: fc.constantFrom('the weekly backup', 'a move'),
    fixed: fc.constant([{ from: '2027-03-28T02:00:00Z', to: '2027-03-28T04:00:00+01:00' }]),
  },
  { target, recurring: having({ windows: fc.constant(['Sun 02:00-04:00']) }) },
);

const approvers = having({
  members: fc.uniqueArray(fc.constantFrom('ann', 'bob'), { minLength: 1 }),
});

const SPECS: Readonly<Record<string, fc.Arbitrary<ManifestData>>> = {
  Service: service,
  Policy: policy,
  Group: group,
  MaintenanceWindow: maintenance,
  Approvers: approvers,
};

const metadata = having({ name }, { namespace: fc.constantFrom('default', 'shop'), labels });

const manifest: fc.Arbitrary<ManifestData> = fc.oneof(
  ...Object.entries(SPECS).map(([kind, spec]) =>
    having({
      apiVersion: fc.constant('vigil.io/v1'),
      ...{ kind: fc.constant(kind), metadata, spec },
    }),
  ),
);

/** Some manifests, each of another name. */
export const manifests: fc.Arbitrary<ManifestData[]> = fc.uniqueArray(manifest, {
  ...{ minLength: 1, maxLength: 5 },
  selector: ({ kind, metadata }) => {
    const { name, namespace = 'default' } = metadata as Record<string, unknown>;
    return JSON.stringify([kind, namespace, name]);
  },
});

/** Below these stands data, whose keys are anything. */
const DATA = ['labels', 'env', 'actions'];

/** The paths of every field of a document. */
function fieldsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  const isData = DATA.includes(String(path.at(-1)));
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    const at = [...path, step];
    const isField = typeof step === 'string' && !isData;
    return [...(isField ? [at] : []), ...fieldsOf(part, at)];
  });
}

function renamed(
  value: unknown,
  [step, ...rest]: readonly (string | number)[],
  to: string,
): unknown {
  if (step === undefined) return value;
  if (Array.isArray(value))
    return value.map((part: unknown, i) => (i === step ? renamed(part, rest, to) : part));
  return Object.fromEntries(
    Object.entries(value as ManifestData).map(([key, part]) => {
      if (key !== step) return [key, part];
      return rest.length === 0 ? [to, part] : [key, renamed(part, rest, to)];
    }),
  );
}

/** A manifest of which one field, at any depth, has its last letter twice. */
export const misspelt: fc.Arbitrary<{ document: ManifestData; word: string; meant: string }> = fc
  .tuple(manifest, fc.nat())
  .map(([document, pick]) => {
    const fields = fieldsOf(document);
    const path = fields[pick % fields.length] ?? [];
    const meant = String(path.at(-1));
    const word = `${meant}${meant.slice(-1)}`;
    return { document: renamed(document, path, word) as ManifestData, word, meant };
  });
