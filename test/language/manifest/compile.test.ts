import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { compileDocument, parseManifests, type Compiled } from '../../../language/manifest/compile';
import { formatProblem } from '../../../language/problem';
import { CATALOGUE } from '../../support/catalogue';
import { anyText } from '../../support/texts';
import { withWork } from '../../support/work';

function compile(text: string): Compiled {
  return parseManifests(text, { file: 'm.yaml', catalogue: CATALOGUE });
}

function problemsOf(document: unknown): string[] {
  return compileDocument(document, { file: 'api', catalogue: CATALOGUE }).problems.map(
    formatProblem,
  );
}

const SERVICE = `
apiVersion: vigil.io/v1
kind: Service
metadata: { name: web, namespace: shop, labels: { tier: web, rank: 1 } }
spec:
  runtime:
    type: process
    command: [node, server.js, 8080]
    env: { PORT: 8080, DEBUG: false, TOKEN: "file:/run/token" }
    stopWithVigil: true
  hosts: [a, b]
  healthCheck: { endpoint: "http://127.0.0.1:8080/health", interval: 1s }
  config:
    - { path: web.conf, content: "port=8080" }
    - { path: lib.so, sha256: ${'AB'.repeat(32)} }
`;

test('a Service is compiled with every default filled in', () => {
  const { objects, problems } = compile(SERVICE);
  expect(problems).toEqual([]);
  expect(objects).toHaveLength(1);
  expect(objects[0]).toMatchObject({
    kind: 'Service',
    namespace: 'shop',
    name: 'web',
    file: 'm.yaml',
    line: 2,
    labels: { tier: 'web', rank: '1' },
    policies: [],
    document: { spec: { runtime: { env: { PORT: 8080 } } } },
  });
  expect(objects[0]?.service).toEqual({
    runtime: {
      type: 'process',
      command: ['node', 'server.js', '8080'],
      env: { PORT: '8080', DEBUG: 'false', TOKEN: 'file:/run/token' },
      cwd: '.',
      stopWithVigil: true,
    },
    hosts: ['a', 'b'],
    labels: { tier: 'web', rank: '1' },
    healthCheck: { endpoint: 'http://127.0.0.1:8080/health', intervalMs: 1000, timeoutMs: 2000 },
    config: [
      { kind: 'content', path: 'web.conf', content: 'port=8080' },
      { kind: 'checksum', path: 'lib.so', sha256: 'ab'.repeat(32) },
    ],
    sync: { mode: 'detect', cooldownMs: 30_000 },
  });
});

test('sync: heal implies a policy that syncs on drift', () => {
  const { objects, problems } = compile(`${SERVICE}  sync: { mode: heal, cooldown: 5s }\n`);
  expect(problems).toEqual([]);
  expect(objects[0]?.policies).toMatchObject([
    {
      key: 'shop/web:sync',
      name: 'web:sync',
      namespace: 'shop',
      target: { name: 'web', labels: {} },
      condition: { text: 'resource_drift > 0 for 5s', forMs: 5000 },
      severity: 'warning',
      steps: [{ action: 'sync', params: {} }],
      cooldownMs: 5000,
      limits: { attempts: null, maxConcurrent: 1 },
      verify: { settleMs: 1000, stableMs: 3000, withinMs: 30_000 },
      mode: 'enforce',
      impliedBy: 'shop/web',
    },
  ]);
});

test('a Policy is compiled with every default filled in', () => {
  const { objects, problems } = compile(`
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec:
  condition: http_up == 0 for 5m
  action: restart_service
`);
  expect(problems).toEqual([]);
  const [policy] = objects[0]?.policies ?? [];
  expect(policy).toMatchObject({
    key: 'default/down',
    namespace: 'default',
    name: 'down',
    target: { name: '*', labels: {} },
    severity: 'warning',
    steps: [{ action: 'restart', params: {} }],
    cooldownMs: 300_000,
    limits: { attempts: 3, maxConcurrent: 1, perHour: 4 },
    approval: null,
    verify: { settleMs: 10_000, stableMs: null, withinMs: 120_000 },
    mode: 'enforce',
    impliedBy: null,
  });
  expect(policy?.condition).toMatchObject({ text: 'http_up == 0 for 5m', forMs: 300_000 });
});

test('everything a Policy can say is taken over', () => {
  const { objects, problems } = compile(`
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: busy, namespace: shop }
spec:
  target: { kind: Service, name: "web-*", labels: { tier: web, rank: 1 } }
  condition: { type: metric_exceeds, metric: cpu_usage, threshold: 80%, for: 90s }
  severity: critical
  steps: [{ action: restart }, { action: scale_up, params: { by: 1 } }]
  cooldown: 250
  limits: { attempts: 5, maxConcurrent: 2 }
  approval: { required: 2, deadline: 1h, onDeadline: approve }
  verify: { settle: 0, stable: 500ms, within: 5s }
  mode: dry-run
`);
  expect(problems).toEqual([]);
  expect(objects[0]?.policies[0]).toMatchObject({
    target: { name: 'web-*', labels: { tier: 'web', rank: '1' } },
    condition: { text: 'cpu_usage > 80% for 90s', forMs: 90_000 },
    severity: 'critical',
    steps: [
      { action: 'restart', params: {} },
      { action: 'scale', params: { by: 1 } },
    ],
    cooldownMs: 250,
    limits: { attempts: 5, maxConcurrent: 2 },
    approval: { required: 2, deadlineMs: 3_600_000, onDeadline: 'approve' },
    verify: { settleMs: 0, stableMs: 500, withinMs: 5000 },
    mode: 'dry-run',
  });
});

test('a disabled Policy says so, and an enabled one compiles to what it was before', () => {
  const compiled = (more: string) =>
    compile(`
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec: { condition: http_up == 0, action: restart${more} }
`).objects[0]?.policies[0];
  expect(compiled(', enabled: false')).toMatchObject({ enabled: false });
  expect(compiled(', enabled: true')).toEqual(compiled(''));
  expect(compiled('')).not.toHaveProperty('enabled');
});

const SEED = {
  name: 'high-cpu',
  condition: { type: 'metric_exceeds', metric: 'cpu_usage', threshold: 0.8 },
};

test.each([
  ['1h30m', 5_400_000],
  ['1w', 604_800_000],
  ['0.5y', 15_768_000_000],
])('a condition as a mapping is held for %s like one as text', (held, forMs) => {
  const compiled = (condition: object) =>
    compileDocument(
      { policies: [{ name: 'held', condition, action: 'restart' }] },
      { file: 'api', catalogue: CATALOGUE, retentionMs: 366 * 86_400_000 },
    );
  const { condition: single } = SEED;
  for (const condition of [
    { ...single, for: held },
    { any: [single], for: held },
  ]) {
    const { objects, problems } = compiled(condition);
    expect(problems).toEqual([]);
    expect(objects[0]?.policies[0]?.condition).toMatchObject({ forMs });
  }
  expect(compiled({ ...single, for: '5 minutes' }).problems).toMatchObject([
    { message: '/policies/0/condition/for: "for" must be a duration such as 5m or 1h30m' },
  ]);
});

test.each([
  [{ action: 'scale_up' }, { by: 1 }],
  [{ steps: [{ action: 'scale_up', params: { by: 3 } }] }, { by: 3 }],
  [{ steps: [{ action: 'scale_up', params: { to: 5 } }] }, { by: 1, to: 5 }],
])('an alias brings its parameters along, and written ones win: %j', (written, params) => {
  const { objects, problems } = compileDocument(
    { policies: [{ ...SEED, ...written }] },
    { file: 'api', catalogue: CATALOGUE },
  );
  expect(problems).toEqual([]);
  expect(objects[0]?.policies[0]?.steps).toEqual([{ action: 'scale', params }]);
});

describe('one policy at a place', () => {
  const place = { namespace: 'shop', name: 'high-cpu' };
  const at = (document: unknown, policy: object = place) =>
    compileDocument(document, { file: 'api', catalogue: CATALOGUE, policy });
  const spec = { condition: 'cpu_usage > 80%', action: 'restart' };
  const MANIFEST = { apiVersion: 'vigil.io/v1', kind: 'Policy', metadata: place, spec };

  test.each([
    ['a manifest', MANIFEST],
    ['a manifest that leaves its name out', { apiVersion: 'vigil.io/v1', kind: 'Policy', spec }],
    ['its spec', spec],
    ['its spec with the name beside', { name: 'high-cpu', ...spec }],
  ])('%s stands for the same document', (_, body) => {
    expect(at(body)).toMatchObject({
      problems: [],
      objects: [{ kind: 'Policy', ...place, document: MANIFEST }],
    });
  });

  test.each([
    [{ name: 'other', ...spec }, /^\/name: "name" must be "high-cpu" as in the address/],
    [{ ...MANIFEST, metadata: { namespace: 'b' } }, /^\/metadata\/namespace: .* not "b"$/],
    [{ ...MANIFEST, kind: 'Service' }, /^\/kind: "kind" must be Policy, not "Service"$/],
    [{ ...MANIFEST, metadata: [] }, /"metadata" must be a mapping/],
    [{ ...spec, acton: 1 }, /^\/acton: unknown field "acton"; did you mean "action"/],
    [{ policies: [] }, /unknown field "policies"/],
  ])('%j is refused', (body, message) => {
    const { objects, problems } = at(body);
    expect(objects).toEqual([]);
    expect(problems.map((problem) => problem.message)).toContainEqual(
      expect.stringMatching(message),
    );
  });

  test('without a place the body has to name it', () => {
    expect(at({ name: 'a', namespace: 'b', ...spec }, {}).objects).toMatchObject([
      { namespace: 'b', name: 'a' },
    ]);
    expect(at(spec, {}).problems[0]?.message).toMatch(/"name" is missing/);
  });
});

test('a policies: list becomes Policies in namespace default that compile again on their own', () => {
  const { objects, problems } = compile(`
policies:
  - name: high-cpu
    condition: cpu_usage > 80% for 5m
    severity: critical
    action: restart
  - name: low-disk
    condition: { type: metric_below, metric: disk_free, threshold: 0.1 }
    action: sync
`);
  expect(problems).toEqual([]);
  expect(objects.map(({ kind, namespace, name, line }) => [kind, namespace, name, line])).toEqual([
    ['Policy', 'default', 'high-cpu', 3],
    ['Policy', 'default', 'low-disk', 7],
  ]);
  for (const object of objects) {
    const again = compileDocument(object.document, { file: 'db', catalogue: CATALOGUE });
    expect(again.problems).toEqual([]);
    expect(again.objects[0]?.policies).toEqual(object.policies);
    expect(again.objects[0]?.checksum).toBe(object.checksum);
  }
});

test('documents without problems are compiled although their neighbours have some', () => {
  const { objects, problems } = compile(`${SERVICE}---\nkind: Nonsense\n---\n# nothing\n`);
  expect(objects.map(({ name }) => name)).toEqual(['web']);
  expect(problems.map(formatProblem)).toEqual([
    'm.yaml:17:1: "apiVersion" is missing',
    'm.yaml:17:7: unknown kind "Nonsense"; known: Service, Policy, Group, MaintenanceWindow, Approvers',
  ]);
});

test('JSON is YAML, and the order of keys does not change the checksum', () => {
  const spec = { runtime: { type: 'process', command: ['node'] } };
  const one = { apiVersion: 'vigil.io/v1', kind: 'Service', metadata: { name: 'web' }, spec };
  const two = { spec, metadata: { name: 'web' }, kind: 'Service', apiVersion: 'vigil.io/v1' };
  const checksums = [one, two].map(
    (document) => compile(JSON.stringify(document)).objects[0]?.checksum,
  );
  expect(checksums[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(checksums[1]).toBe(checksums[0]);
});

test('problems of a JSON body begin with a JSON pointer', () => {
  expect(
    problemsOf({
      apiVersion: 'vigil.io/v1',
      kind: 'Policy',
      metadata: { name: 'down' },
      spec: { condition: 'a >', actoin: 'restart' },
    }),
  ).toEqual([
    'api:1:1: /spec/actoin: unknown field "actoin"; did you mean "action"?',
    'api:1:1: /spec/condition: expected a metric or a number, found the end',
    'api:1:1: /spec/action: "action" is missing',
  ]);
  expect(problemsOf(['x'])).toHaveLength(1);
  expect(problemsOf({ kind: 'Policy', metadata: { name: '\ud800' } })).toEqual([
    'api:1:1: /metadata/name: "name" holds a character that cannot be stored',
  ]);
});

test('an alias repeats what it stands for, and problems are placed in its anchor', () => {
  const { problems } = compile(`
apiVersion: vigil.io/v1
kind: Policy
metadata: { name: down }
spec:
  condition: &c http_up ==
  verify: { within: *c }
  action: restart
`);
  expect(problems.map(({ line }) => line)).toEqual([6, 7]);
});

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
for (let i = 1; i < 9; i += 1) {
  const [before, name] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
  bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
}

test.each([
  ['an alias bomb', bomb.join('\n'), /aliases cannot be expanded/],
  ['deep flow lists', '['.repeat(200_000), /nested deeper than 100 levels/],
  ['deep block lists', '- '.repeat(200_000), /nested deeper than 100 levels/],
  [
    'deep mappings',
    Array.from({ length: 900 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    /nested deeper/,
  ],
  ['a huge file', 'a'.repeat(2_000_000), /longer than 1048576 characters/],
])('%s is refused quickly', (_name, text, expected) => {
  const { answer, workMs } = withWork(() => compile(text));
  expect(answer.objects).toEqual([]);
  expect(answer.problems.map(({ message }) => message).join('\n')).toMatch(expected);
  expect(workMs).toBeLessThan(3000);
});

test('a deeply nested JSON body is refused', () => {
  const deep = JSON.parse(`${'[1,'.repeat(5000)}1${']'.repeat(5000)}`) as unknown;
  expect(problemsOf({ kind: 'Policy', spec: deep })).toEqual([
    'api:1:1: /spec: nested deeper than 100 levels',
  ]);
});

test('no text makes the compiler throw', () => {
  const pieces = fc.constantFrom(
    ...SERVICE.split(/(\s+|[{}[\],:])/),
    ...[
      'policies:',
      '\n',
      '\n  ',
      '- ',
      '&a',
      '*a',
      '!!int',
      '"',
      "'",
      '|',
      '>',
      '%',
      '---\n',
      'kind: Policy\n',
      '? ',
      '~',
      '1e999',
      '\0',
    ],
  );
  const texts = fc.oneof(
    anyText,
    fc.array(pieces, { maxLength: 60 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const problem of compile(text).problems) {
        expect(formatProblem(problem)).toMatch(/^m\.yaml:[1-9]\d*:[1-9]\d*: ./);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a mistake in a block of text is shown in its own line', () => {
  const text = `policies:
  - name: busy
    action: restart
    condition: |
      cpu_usage > 80%

        and http_up = 0
`;
  expect(compile(text).problems.map(formatProblem)).toEqual(['m.yaml:7:21: write == to compare']);
});

test('objects of one kind have one hidden class, so that ten thousand are looked through in milliseconds', () => {
  setFlagsFromString('--allow-natives-syntax');
  const isSame = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (
    a: object,
    b: object,
  ) => boolean;
  const objects = Array.from({ length: 50 }, (_, i) => {
    const [object] = compile(SERVICE.replace('name: web', `name: web-${i}`)).objects;
    if (object === undefined || object.service === null) throw new Error('it is not compiled');
    return { object, service: object.service };
  });
  // The first ones are seen before the engine has settled on a class.
  const [first, ...others] = objects.slice(25);
  expect(first).toBeDefined();
  for (const { object, service } of others) {
    expect(isSame(object, first?.object ?? {})).toBe(true);
    expect(isSame(service, first?.service ?? {})).toBe(true);
  }
});
