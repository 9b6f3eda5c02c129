import fc from 'fast-check';
import { stringify } from 'yaml';
import { CATALOGUES } from '../../../activities/catalogue';
import { parseManifests } from '../../../language/manifest/compile';
import { formatProblem } from '../../../language/problem';
import { misspelt } from '../../support/manifest-arbitraries';

/** The problems of a text as `file:line:col: message`. */
function problemsOf(text: string): string[] {
  return parseManifests(text, { file: 'a.yaml', catalogue: CATALOGUES }).problems.map(
    formatProblem,
  );
}

/** Line and column at which a word stands, which is there once. */
function placeOf(word: string, text: string): string {
  const parts = text.split(word);
  expect(parts).toHaveLength(2);
  const lines = (parts[0] ?? '').split('\n');
  return `${lines.length}:${(lines.at(-1) ?? '').length + 1}`;
}

const service = (spec: string) => manifest('Service', spec);
const policy = (spec: string) => manifest('Policy', `condition: load > 5\n${spec}`);

function manifest(kind: string, spec: string): string {
  const lines = spec.split('\n').map((line) => `  ${line}\n`);
  return `apiVersion: vigil.io/v1\nkind: ${kind}\nmetadata: { name: web }\nspec:\n${lines.join('')}`;
}

const docker = (rest: string) => service(`runtime: { type: docker, image: a, ${rest} }`);
const script = (rest: string) => service(`runtime:\n  type: script\n  ${rest}`);
const webhook = (rest: string) => service(`runtime:\n  type: webhook\n  ${rest}`);
const process = (rest: string) => service(`runtime: { command: [a], ${rest} }`);

test.each<[string, string, string]>([
  ['metdata', 'metadata', 'apiVersion: vigil.io/v1\nkind: Group\nmetdata: { name: web }\nspec: {}'],
  ['lables', 'labels', service('image: a').replace('name: web', 'name: web, lables: { a: b }')],
  ['helthCheck', 'healthCheck', service('image: a\nhelthCheck: {}')],
  [
    'intervall',
    'interval',
    service('image: a\nhealthCheck: { endpoint: "http://a", intervall: 1s }'),
  ],
  ['restartTreshold', 'restartThreshold', service('image: a\nremediation: { restartTreshold: 3 }')],
  ['memry', 'memory', service('image: a\nresources: { memry: 1Gi }')],
  ['contents', 'content', service('image: a\nconfig:\n  - path: /etc/a\n    contents: b')],
  ['cooldwn', 'cooldown', service('image: a\nsync: { mode: heal, cooldwn: 1s }')],
  ['dedline', 'deadline', service('image: a\nsync: { approval: { dedline: 1h } }')],
  ['initail', 'initial', service('image: a\nsync: { backoff: { initail: 2s } }')],
  ['onwer', 'owner', service('image: a\ndrift:\n  ignore:\n    - { path: /env/A, onwer: ann }')],
  ['pth', 'path', service('image: a\ndrift:\n  owners:\n    - { pth: /replicas, owner: a }')],
  [
    'severty',
    'severity',
    service('image: a\ndrift: { severity: [{ path: /image, severty: info }] }'),
  ],
  ['overridFor', 'overrideFor', service('image: a\nscaling: { max: 3, overridFor: 1h }')],
  ['hots', 'host', process('hots: a')],
  ['stopWithVigl', 'stopWithVigil', process('stopWithVigl: true')],
  ['singal', 'signal', process('reload: { singal: SIGHUP }')],
  ['openFile', 'openFiles', process('limits: { openFile: 9 }')],
  ['cpu', 'cpus', docker('resources: { cpu: 1 }')],
  ['startPeriode', 'startPeriod', docker('health: { command: [a], startPeriode: 1s }')],
  ['unitt', 'unit', service('runtime: { type: systemd, unit: a, unitt: b }')],
  ['comand', 'command', script('actions:\n    restart: { comand: [/bin/a] }')],
  ['idempotant', 'idempotent', script('actions: { restart: { command: [/a], idempotant: true } }')],
  ['alow', 'allow', script('actions: { restart: { command: [/a] } }\n  env: { alow: [PATH] }')],
  ['metod', 'method', webhook('actions: { restart: { url: "https://a.example", metod: PUT } }')],
  [
    'hedears',
    'headers',
    webhook('actions: {}\n  inspect: { url: "https://a.example", hedears: {} }'),
  ],
  ['atempts', 'attempts', policy('action: restart\nlimits: { atempts: 2 }')],
  ['setle', 'settle', policy('action: restart\nverify: { setle: 1s }')],
  ['lables', 'labels', policy('action: restart\ntarget: { lables: { a: b } }')],
  ['escalatTo', 'escalateTo', policy('action: restart\napproval: { escalatTo: [ops] }')],
  ['timzone', 'timezone', policy('action: restart\nschedule: { timzone: UTC, active: [] }')],
  ['aftr', 'after', policy('steps:\n  - { action: restart }\n  - { action: notify, aftr: 1m }')],
  [
    'conditon',
    'condition',
    policy('action: restart\nseverity: [{ severity: info, conditon: b > 1 }]'),
  ],
  ['treshold', 'threshold', manifest('Policy', CONDITION('treshold: 5'))],
  ['alll', 'all', manifest('Policy', 'action: restart\ncondition: { alll: [load > 5] }')],
  ['fro', 'for', manifest('Policy', 'action: restart\ncondition: { any: [load > 5], fro: 5m }')],
  ['maxConcurent', 'maxConcurrent', manifest('Group', 'members: {}\nlimits: { maxConcurent: 1 }')],
  ['wihtin', 'within', manifest('Group', 'members: {}\nstorm: { members: 2, wihtin: 1m }')],
  ['membrs', 'members', manifest('Approvers', 'membrs: [ann]')],
  ['form', 'from', manifest('MaintenanceWindow', 'reason: r\nfixed:\n  - { form: x, to: y }')],
  [
    'window',
    'windows',
    manifest('MaintenanceWindow', 'reason: r\nrecurring: { window: ["Sun 1:00-2:00"] }'),
  ],
])('%s is found where it stands, and %s was meant', (word, meant, text) => {
  const problem = `a.yaml:${placeOf(word, text)}: unknown field "${word}"; did you mean "${meant}"?`;
  expect(problemsOf(text)).toContain(problem);
});

function CONDITION(threshold: string): string {
  return `action: restart\ncondition: { type: metric_exceeds, metric: load, ${threshold} }`;
}

test('a field that is like no other is told what there is', () => {
  expect(problemsOf(service('image: a\nsync: { zzz: 1 }'))).toEqual([
    'a.yaml:6:11: unknown field "zzz"; known: mode, cooldown, approval, backoff',
  ]);
});

test('whatever field of a manifest is misspelt, at any depth, the one that was meant is named', () => {
  fc.assert(
    fc.property(misspelt, ({ document, word, meant }) => {
      const text = stringify(document);
      const problem = `unknown field "${word}"; did you mean "${meant}"?`;
      const found = problemsOf(text).filter((one) => one.endsWith(problem));
      expect(found).toHaveLength(1);
      expect(lineAt(text, found[0])).toMatch(new RegExp(`^${word}:`));
    }),
    { numRuns: 300 },
  );
});

/** The text from the place that a problem names on. */
function lineAt(text: string, problem = ''): string {
  const [, line, column] = problem.split(':').map(Number);
  return text.split('\n')[(line ?? 1) - 1]?.slice((column ?? 1) - 1) ?? '';
}
