import { CATALOGUES } from '../../../../activities/catalogue';
import { lintTogether } from '../../../../language/lint/together';
import { parseManifests } from '../../../../language/manifest/compile';

function compile(text: string) {
  return parseManifests(text, { file: 'm.yaml', catalogue: CATALOGUES });
}

/** `line:col: message` of each problem of a Service whose runtime is written like that. */
function problemsOf(runtime: string): string[] {
  const text = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime: ${runtime}
`;
  return compile(text).problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

const policyOf = (step: string): string => `apiVersion: vigil.io/v1
kind: Policy
metadata: { name: full }
spec: { target: { name: web }, condition: disk_usage > 0.9, ${step} }
`;

const SERVICE = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec:
  runtime:
    type: script
    actions:
      restart: { command: [./fix.sh, "{target}"], timeout: 45s }
      flush-cache: { command: [./flush.sh, "--to={params.to}"], idempotent: true }
    inspect: { command: [./look.sh, "{metadata.tier}"] }
    env: { allow: [HOME], set: { TOKEN: "file:/run/token" } }
    cwd: /srv/web
`;

test('a Service of runtime script is compiled with every default filled in', () => {
  const { objects, problems } = compile(SERVICE);
  expect(problems).toEqual([]);
  expect(objects[0]?.service?.runtime).toEqual({
    type: 'script',
    actions: {
      restart: { command: ['./fix.sh', '{target}'], timeoutMs: 45_000, idempotent: false },
      'flush-cache': {
        command: ['./flush.sh', '--to={params.to}'],
        timeoutMs: 30_000,
        idempotent: true,
      },
    },
    inspect: { command: ['./look.sh', '{metadata.tier}'] },
    env: { allow: ['HOME'], set: { TOKEN: 'file:/run/token' } },
    cwd: '/srv/web',
  });
});

test('without env it gets PATH and LANG, and nothing else', () => {
  const { objects } = compile(SERVICE.replace(/ {4}env:.*\n/, ''));
  expect(objects[0]?.service?.runtime).toMatchObject({ env: { allow: ['PATH', 'LANG'], set: {} } });
});

test.each([
  ['{ type: script }', '"actions" is missing'],
  ['{ type: script, actions: {} }', 'must name at least one action'],
  [
    '{ type: script, actions: { Fix: { command: [./a] } } }',
    '5:44: "Fix" must be named in lower-case letters',
  ],
  ['{ type: script, actions: { fix: {} } }', '"command" is missing'],
  ['{ type: script, actions: { fix: { command: "./a b" } } }', 'no shell reads it'],
  ['{ type: script, actions: { fix: { command: [] } } }', 'the program and its arguments'],
  ['{ type: script, actions: { fix: { command: [""] } } }', 'must name a program'],
  [
    '{ type: script, actions: { fix: { command: ["./{name}.sh"] } } }',
    'placeholders: they are for',
  ],
  [
    '{ type: script, actions: { fix: { command: [./a, "{taget}"] } } }',
    '5:61: "command[1]" has the unknown placeholder {taget}',
  ],
  ['{ type: script, actions: { fix: { command: [./a, "a{"] } } }', 'has a single "{"'],
  ['{ type: script, actions: { fix: { command: [./a], timeout: 2m } } }', 'between 1ms and 90s'],
  [
    '{ type: script, actions: { fix: { command: [./a], timout: 2s } } }',
    '5:62: unknown field "timout"',
  ],
  ['{ type: script, actions: { fix: { command: [./a], timeout: soon } } }', 'no duration'],
  [
    '{ type: script, actions: { fix: { command: [./a] } }, inspect: { command: [./b, "{action_id}"] } }',
    'unknown placeholder {action_id}',
  ],
  ['{ type: script, actions: { fix: { command: [./a] } }, cwd: srv }', 'must be a full path'],
  [
    '{ type: script, actions: { fix: { command: [./a] } }, env: { set: { K: "exec:cat /x" } } }',
    'must not be an exec: reference',
  ],
  [
    '{ type: script, actions: { fix: { command: [./a] } }, env: { set: { VIGIL_ACTION_ID: x } } }',
    'is set by Vigil alone',
  ],
  [
    '{ type: script, actions: { fix: { command: [./a] } }, env: { set: { LD_PRELOAD: /x.so } } }',
    'would load code',
  ],
  [
    '{ type: script, actions: { fix: { command: [./a] } }, env: { allow: ["A B"] } }',
    'no name of an environment variable',
  ],
])('%s is refused', (runtime, message) => {
  const problems = problemsOf(runtime);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});

describe('verbs of a person’s own', () => {
  function lint(step: string, service = SERVICE): string[] {
    const { objects, problems } = compile(`${policyOf(step)}---\n${service}`);
    expect(problems).toEqual([]);
    return lintTogether(objects, CATALOGUES).map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  }

  test('a policy may name what its target names, with parameters', () => {
    expect(lint('action: flush-cache')).toEqual([]);
    expect(lint('steps: [{ action: flush-cache, params: { to: 3 } }]')).toEqual([]);
  });

  test('such a policy is enforced, as any other', () => {
    const { objects } = compile(policyOf('action: flush-cache'));
    expect(objects[0]?.policies[0]).toMatchObject({
      mode: 'enforce',
      steps: [{ action: 'flush-cache', params: {} }],
    });
  });

  test('what its target does not name is an error that lists what it does', () => {
    expect(lint('action: rebuild-index')).toEqual([
      'error: the action rebuild-index cannot be done to Service default/web: its runtime script has restart, flush-cache, notify',
    ]);
  });

  test('a built-in verb is no verb of a script that does not name it', () => {
    expect(lint('action: sync')[0]).toContain('the action sync cannot be done');
  });

  test('a process has no verbs of a person’s own', () => {
    const service = `apiVersion: vigil.io/v1
kind: Service
metadata: { name: web }
spec: { runtime: { type: process, command: [./web] } }
`;
    expect(lint('action: flush-cache', service)[0]).toContain('its runtime process has restart');
  });

  test('without any Service nobody can say, which is told', () => {
    const { objects, problems } = compile(policyOf('action: flush-cache'));
    expect(problems).toEqual([]);
    const [told, ...others] = lintTogether(objects, CATALOGUES);
    expect(told).toMatchObject({ severity: 'warning' });
    expect(told?.message).toContain('no runtime has the action flush-cache by itself');
    expect(others).toEqual([]);
  });

  test.each([
    ['action: restrat', 'no runtime has the action "restrat"; did you mean "restart"?'],
    ['action: Flush', 'no runtime has the action "Flush"'],
    ['steps: [{ action: flush-cache, params: { to: [1] } }]', '"to" must be text, a number'],
    ['steps: [{ action: restart, params: { to: 1 } }]', 'the action has no parameter "to"'],
  ])('%s is an error of the policy by itself', (step, message) => {
    const [problem] = compile(policyOf(step)).problems;
    expect(problem?.message).toContain(message);
  });
});
