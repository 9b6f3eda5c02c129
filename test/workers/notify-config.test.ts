import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../../platform/config-loader';
import { workerConfigSchema, type WorkerConfig } from '../../workers/config';

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-config-'));
  path = join(folder, 'vigil.yaml');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function load(yaml: string, env: Record<string, string> = {}): WorkerConfig {
  writeFileSync(path, yaml);
  return loadConfig(workerConfigSchema, { path, env });
}
function problems(yaml: string, env: Record<string, string> = {}): string[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((problem) => problem.replace(path, 'vigil.yaml'));
    throw error;
  }
  return [];
}

test('without anything there are no channels', () => {
  expect(load('').worker).toMatchObject({
    channels: {},
    routes: [],
    notices: { heldAfter: 600_000, giveUpAfter: 86_400_000, retention: 2_592_000_000 },
  });
});

test('channels and routes come from the file', () => {
  const { worker } = load(`
worker:
  uiUrl: http://127.0.0.1:8233
  channels:
    ops: { type: slack, url: "file:/run/secrets/slack" }
    mail: { type: smtp, host: mail.example.org, from: vigil@example.org, to: ops@example.org }
    am: { type: alertmanager, url: http://127.0.0.1:9093 }
    pd: { type: pagerduty, routingKey: "env:PD_KEY", perMinute: 60 }
    hook: { type: json, url: https://example.org/hook, secret: "exec:pass show hook" }
  routes:
    - { match: { severity: critical, namespace: "prod-*" }, channels: [pd, ops], repeat: 4h }
    - { channels: [mail], groupBy: [policy], wait: 30s }
`);
  expect(worker.channels).toMatchObject({
    ops: { type: 'slack', perMinute: 20, timeout: 10_000 },
    mail: { type: 'smtp', port: 587, tls: 'starttls' },
    pd: { url: 'https://events.pagerduty.com/v2/enqueue', perMinute: 60 },
  });
  expect(worker.routes).toMatchObject([
    { match: { severity: ['critical'] }, groupBy: ['namespace', 'kind'], repeat: 14_400_000 },
    { match: {}, groupBy: ['policy'], wait: 30_000 },
  ]);
});

test('channels and routes come from the environment, as JSON', () => {
  const { worker } = load('', {
    VIGIL_WORKER_CHANNELS: '{"ops":{"type":"slack","url":"env:SLACK_URL"}}',
    VIGIL_WORKER_ROUTES: '[{"channels":["ops"]}]',
    VIGIL_WORKER_NOTICES_HELD_AFTER: '1m',
  });
  expect(worker.channels).toMatchObject({ ops: { type: 'slack' } });
  expect(worker.routes).toMatchObject([{ channels: ['ops'] }]);
  expect(worker.notices.heldAfter).toBe(60_000);
});

test.each([
  [
    'a secret that stands in the file',
    'worker:\n  channels:\n    ops: { type: slack, url: https://hooks.example.org/x }',
    'vigil.yaml:3:25: worker.channels.ops.url: is a secret: write file:PATH, env:NAME or exec:COMMAND',
  ],
  [
    'a channel that no route can name',
    'worker:\n  channels: { am: { type: alertmanager, url: "http://a" } }\n  routes: [{ channels: [ma] }]',
    'worker.routes.0.channels.0: no channel "ma" is configured; known: am',
  ],
  [
    'a type that there is not',
    'worker:\n  channels: { x: { type: pigeon } }',
    'vigil.yaml:2:20: worker.channels.x.type: ',
  ],
  [
    'a field that there is not',
    'worker:\n  channels: { am: { type: alertmanager, url: "http://a", retries: 3 } }',
    'worker.channels.am.retries: unknown field "retries"',
  ],
  [
    'a password without encryption',
    'worker:\n  channels: { m: { type: smtp, host: h, from: a@b, to: c@d, tls: none, user: u, password: "env:P" } }',
    'worker.channels.m.password: would be sent in the clear',
  ],
])('%s is refused at its place', (_, yaml, expected) => {
  const [problem, ...more] = problems(yaml);
  expect(problem).toContain(expected);
  expect(more).toEqual([]);
});

test('what is wrong in the environment is named by its variable', () => {
  expect(problems('', { VIGIL_WORKER_CHANNELS: '{' })).toEqual([
    'environment variable VIGIL_WORKER_CHANNELS: is no JSON',
  ]);
  const [problem] = problems('', { VIGIL_WORKER_CHANNELS: '{"ops":{"type":"slack","url":"x"}}' });
  expect(problem).toContain('environment variable VIGIL_WORKER_CHANNELS: ops.url: is a secret');
});
