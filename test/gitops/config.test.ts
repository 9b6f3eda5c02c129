import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitopsConfigSchema } from '../../gitops/config';
import { loadConfig } from '../../platform/config-loader';

const load = (env: NodeJS.ProcessEnv) => loadConfig(gitopsConfigSchema, { env }).gitops;

it('watches the demo on loopback unless told otherwise', () => {
  expect(load({})).toEqual({
    host: '127.0.0.1',
    port: 8082,
    interval: 10_000,
    sources: [],
    webhooks: {},
    pruneShare: 0.5,
    folders: ['manifests/demo'],
  });
});

it('takes folders as a list with commas, each once, however it is spelt', () => {
  const { folders } = load({ VIGIL_GITOPS_FOLDERS: 'a/, ./b,a,, /c/../d/' });
  expect(folders).toEqual(['a', 'b', '/d']);
});

it('shifts its port and never polls more than once a second', () => {
  const env = { VIGIL_PORT_OFFSET: '100', VIGIL_GITOPS_INTERVAL: '5ms' };
  expect(load(env)).toMatchObject({ port: 8182, interval: 1000 });
});

/** `place: message` of what is wrong with such sources. */
function problemsOf(...sources: object[]): string[] {
  const { error } = gitopsConfigSchema.shape.gitops.safeParse({ sources });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

it.each([
  ['verify', { mode: 'ssh', keys: ['ssh-ed25519 AAAA'] }],
  ['branch', 'main'],
  ['auth', { tokenFile: '/t' }],
])('takes no %s for a folder, to which it would say nothing', (key, value) => {
  const problem = `sources.0.${key}: says nothing to a folder`;
  expect(problemsOf({ folder: '/f', [key]: value })).toEqual([problem]);
  expect(problemsOf({ git: '/f', [key]: value })).toEqual([]);
});

it('takes a path below a repository, and none below a folder', () => {
  expect(problemsOf({ git: '/f', path: 'a' })).toEqual([]);
  expect(problemsOf({ folder: '/f', path: 'a' })).toEqual([
    'sources.0.path: is part of "folder" itself',
  ]);
});

it.each(['..', '../a', 'x/../..', 'x/../../a', '/x'])(
  'refuses the path %s, which leads out of the repository',
  (path) => {
    expect(problemsOf({ git: '/f', path })).toEqual([
      'sources.0.path: leads out of the repository',
    ]);
  },
);

it.each(['.', './a/', 'x/../a', '..a', 'x/..'])('takes the path %s of a repository', (path) => {
  expect(problemsOf({ git: '/f', path })).toEqual([]);
});

it('takes no two sources that would own the same objects', () => {
  const [one, other] = [{ git: 'https://a.example/x.git' }, { git: 'https://A.example/x' }];
  const problem = 'sources.1: git:a.example/x is there twice: give one another name';
  expect(problemsOf(one, other)).toEqual([problem]);
  expect(problemsOf({ folder: 'manifests/demo' })).toEqual([
    'sources.0: folder:manifests/demo is there twice: give one another name',
  ]);
  expect(problemsOf(one, { ...other, name: 'b' }, { folder: '/f', name: 'b' })).toEqual([]);
});

it('takes no fast poll that is slower than the slow one', () => {
  expect(problemsOf({ git: '/f', poll: { fast: '4m' } })).toEqual([
    'sources.0.poll: "fast" is more than "slow"',
  ]);
});

it.each([
  ['a whole source', '{ name: a }', '7: gitops.sources.1: needs either "git" or "folder"'],
  [
    'a path',
    '{ git: /g, path: x/../.. }',
    '18: gitops.sources.1.path: leads out of the repository',
  ],
])('tells of %s where it begins', (_, source, problem) => {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-gitops-config-'));
  const path = join(folder, 'vigil.yaml');
  writeFileSync(path, `gitops:\n  sources:\n    - folder: /f\n    - ${source}\n`);
  expect(() => loadConfig(gitopsConfigSchema, { env: {}, path })).toThrow(`${path}:4:${problem}`);
  rmSync(folder, { recursive: true });
});
