import { register as registerDrift } from '../../../cli/commands/drift';
import { renderSources } from '../../../cli/drift-sources';
import { register as registerManifests } from '../../../cli/commands/manifests';
import { keepSourceErrors } from '../../../storage/source-errors';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { createGitRound, serviceYaml, servicesYaml, type GitRound } from '../../support/git-round';
import { runCli, type Run } from '../support';

interface Sources {
  items: { error: { since: string } | null }[];
}

const SIX = ['a', 'b', 'c', 'd', 'e', 'f'];
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
const BOB = 'Bob <bob@example.com>';

let database: TestDatabase;
let api: TestApi;
let url: string;
let git: GitRound;

async function open(): Promise<void> {
  process.env['VIGIL_ACTOR'] = 'ann';
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  git = createGitRound(database.pool);
}

async function close(): Promise<void> {
  delete process.env['VIGIL_ACTOR'];
  git.remove();
  await api.close();
  await database.drop();
}

async function drift(...args: string[]): Promise<Run> {
  return runCli(registerDrift, ['drift', ...args, '--api', url]);
}

/** The lines of a command that ends well. */
async function linesOf(...args: string[]): Promise<string[]> {
  const { out, err, error } = await drift(...args);
  expect({ err, error }).toEqual({ err: '', error: null });
  return out.trimEnd().split('\n');
}

async function jsonOf<T>(...args: string[]): Promise<T> {
  const { out, error } = await drift(...args, '--json');
  expect(error).toBeNull();
  return JSON.parse(out) as T;
}

const without = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [`${name}.yaml`, null]));

/** `web 1`, then `web 2` with `new 2`. */
async function twoRevisions(): Promise<{ commits: [string, string]; first: number }> {
  const one = await git.push(servicesYaml(['web']), 'one');
  const two = await git.push(servicesYaml(['web', 'new'], '2'), 'two');
  return {
    commits: [one.commit.slice(0, 8), two.commit.slice(0, 8)],
    first: one.status.revision ?? 0,
  };
}

describe('of sources that change', () => {
  beforeEach(open);
  afterEach(close);

  test('before anything is there, the lists say so', async () => {
    expect(await linesOf('sources')).toEqual(['no source yet']);
    expect(await linesOf('revisions')).toEqual(['no revision yet']);
  });

  test('sources and revisions are tables, newest first, or the raw answer', async () => {
    const { commits } = await twoRevisions();
    const [head, row] = await linesOf('sources');
    expect(head).toMatch(/^SOURCE +REVISION +COMMIT +APPLIED \(UTC\) +OBJECTS +STATE$/);
    expect(row).toMatch(new RegExp(`^git:fleet +2 +${commits[1]} +${TIME} +2 +in force$`));
    const revisions = await linesOf('revisions');
    expect(revisions[0]).toMatch(
      /^REVISION +MADE \(UTC\) +SOURCE +OBJECTS +COMMIT +AUTHOR +MESSAGE$/,
    );
    expect(revisions.slice(1)).toEqual([
      expect.stringMatching(
        new RegExp(`^2 +${TIME} +git:fleet +\\+2 -0 +${commits[1]} +${BOB} +two$`),
      ),
      expect.stringMatching(
        new RegExp(`^1 +${TIME} +git:fleet +\\+1 -0 +${commits[0]} +${BOB} +one$`),
      ),
    ]);
    expect(await linesOf('revisions', '--limit', '1')).toHaveLength(2);
    expect(await linesOf('revisions', '--source', 'api')).toEqual(['no revision yet']);
    expect(await jsonOf('revisions')).toMatchObject({ items: [{ revision: 2 }, { revision: 1 }] });
    expect(await jsonOf('sources')).toMatchObject({ items: [{ source: 'git:fleet', held: null }] });
  });

  test('versions of a manifest, and how two of them differ', async () => {
    const { commits } = await twoRevisions();
    const versions = await linesOf('versions', 'service', 'default/web');
    expect(versions[0]).toMatch(
      /^REVISION +MADE \(UTC\) +SOURCE +COMMIT +CHECKSUM +AUTHOR +PLACE$/,
    );
    const sum = '[0-9a-f]{8}';
    const line = (revision: number, commit: string) =>
      new RegExp(`^${revision} +${TIME} +git:fleet +${commit} +${sum} +${BOB} +fleet/web.yaml:1$`);
    expect(versions).toHaveLength(3);
    expect(await linesOf('versions', 'service', 'web')).toEqual(versions);
    expect(versions[1]).toMatch(line(2, commits[1]));
    expect(versions[2]).toMatch(line(1, commits[0]));
    expect(await linesOf('diff', 'service', 'default/web', '1', '2')).toEqual([
      '/spec/runtime/env/VERSION (replace)',
      '  - "1"',
      '  + "2"',
    ]);
    expect(await linesOf('diff', 'service', 'web', '2', '2')).toEqual(['they do not differ']);
    expect(await jsonOf('diff', 'Service', 'default/web', '1', '2')).toMatchObject({
      ...{ from: 1, to: 2 },
      changes: [{ op: 'replace', path: '/spec/runtime/env/VERSION', from: '1', to: '2' }],
    });
    await git.push({ 'new.yaml': null });
    const gone = await linesOf('versions', 'Service', 'default/new');
    expect(gone[1]).toMatch(/^3 .* deleted +Bob/);
  });

  test('what is held is shown, let through by name of its checksum, and then gone', async () => {
    await git.push(servicesYaml(SIX));
    await git.push(without('a', 'b', 'c', 'd'));
    const [, row = ''] = await linesOf('sources');
    const [, sum = ''] = /held: would remove 4 of 6 objects \(([0-9a-f]{8})\)$/.exec(row) ?? [];
    expect(sum).not.toBe('');
    expect(await drift('allow-prune', '--checksum', 'feed')).toMatchObject({
      out: '',
      error: {
        exitCode: 1,
        message: `git:fleet moved on: held: would remove 4 of 6 objects (${sum})`,
      },
    });
    expect((await git.look()).held).not.toBeNull();
    expect(await linesOf('allow-prune', '--checksum', sum, '--reason', 'moved away')).toEqual([
      'git:fleet may remove 4 of 6 objects, in a moment:',
      ...['a', 'b', 'c', 'd'].map((name) => `  Service default/${name}`),
    ]);
    expect((await git.look()).held).toBeNull();
    expect((await linesOf('sources'))[1]).toMatch(/ 2 +in force$/);
    const { rows } = await database.pool.query(
      `select actor, details->>'reason' as reason from audit_events where event = 'prune_allowed'`,
    );
    expect(rows).toEqual([{ actor: 'user:ann', reason: 'moved away' }]);
  });

  test('of more than twenty removals the first are named and the rest counted', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `s${String(i).padStart(2, '0')}`);
    await git.push(servicesYaml(names));
    await git.push(without(...names.slice(0, 25)));
    const lines = await linesOf('allow-prune', 'git:fleet');
    expect(lines).toHaveLength(22);
    expect(lines[1]).toBe('  Service default/s00');
    expect(lines.at(-1)).toBe('  and 5 more');
  });

  test('with more than one source that is held, one has to be named', async () => {
    const other = createGitRound(database.pool, 'other');
    await git.push(servicesYaml(SIX));
    await other.push(servicesYaml(['u', 'v', 'w', 'x']));
    await git.push(without('a', 'b', 'c', 'd'));
    await other.push(without('u', 'v', 'w'));
    other.remove();
    expect((await drift('allow-prune')).error).toMatchObject({
      exitCode: 2,
      message: 'more than one source is held; name one: git:fleet, git:other',
    });
    expect((await linesOf('allow-prune', 'git:other'))[0]).toBe(
      'git:other may remove 3 of 4 objects, in a moment:',
    );
  });

  test('a rollback is foretold, done, shown as pinned, and released', async () => {
    const { first } = await twoRevisions();
    const changes = ['  deleted Service default/new', '  updated Service default/web'];
    expect(await linesOf('rollback', String(first), '--reason', '2 is slow', '--dry-run')).toEqual([
      `back to revision ${first} would change 2 objects of git:fleet:`,
      ...changes,
    ]);
    expect((await linesOf('sources'))[1]).toMatch(/in force$/);
    expect(await linesOf('rollback', String(first), '--reason', '2 is slow')).toEqual([
      `git:fleet is as at revision ${first}; 2 objects changed:`,
      ...changes,
      'pinned until git:fleet moves on, or: vigil drift release git:fleet',
    ]);
    expect((await linesOf('sources'))[1]).toMatch(/pinned to 1 by user:ann: 2 is slow$/);
    expect((await linesOf('revisions'))[1]).toMatch(/\+1 -1 +- +user:ann +back to 1: 2 is slow$/);
    const again = await linesOf('rollback', String(first), '--reason', '2 is slow', '--dry-run');
    expect(again).toEqual([`back to revision ${first} would change 0 objects of git:fleet`]);
    expect(await linesOf('release')).toEqual([
      'git:fleet is no longer pinned; what it says is applied in a moment',
    ]);
    await git.look();
    expect((await linesOf('sources'))[1]).toMatch(/ 2 +in force$/);
  });

  test('what is refused is told with its lines, also while gitops is down, until it is right', async () => {
    const { commits } = await twoRevisions();
    await git.push({ 'web.yaml': 'kind: Servise\n' });
    const [, row, ...problems] = await linesOf('sources');
    expect(row).toMatch(
      new RegExp(`${commits[1]} +${TIME} +2 +not in force as it is now: manifest refused$`),
    );
    expect(problems[0]).toMatch(/^ {2}fleet\/web\.yaml:1:1: /);
    const since = async () => (await jsonOf<Sources>('sources')).items[0]?.error?.since;
    const before = await since();
    git.restart();
    await git.look();
    expect([typeof before, await since()]).toEqual(['string', before]);
    await git.push({ 'web.yaml': serviceYaml('web', '3') });
    expect((await linesOf('sources')).slice(1)).toEqual([
      expect.stringMatching(/ 2 +in force$/) as string,
    ]);
  });

  test('what is held hides no problem of what came after it', async () => {
    await git.push(servicesYaml(SIX));
    await git.push(without('a', 'b', 'c', 'd'));
    expect((await linesOf('sources'))[1]).toMatch(/held: would remove 4 of 6 objects \(\w+\)$/);
    await git.push({ 'f.yaml': 'kind: Servise\n' });
    expect((await linesOf('sources'))[1]).toMatch(
      /held: .*; not in force as it is now: manifest refused$/,
    );
  });

  test('of a source that nobody reads any more no error is told', async () => {
    await git.push({ 'web.yaml': 'kind: Servise\n' });
    expect(await linesOf('sources')).not.toEqual(['no source yet']);
    await keepSourceErrors(database.pool, ['git:other']);
    expect(await linesOf('sources')).toEqual(['no source yet']);
  });

  test('a rollback of what came through the API is not pinned', async () => {
    const put = (yaml: string) =>
      fetch(`${url}/api/v1/manifests`, {
        ...{ method: 'PUT', headers: { 'content-type': 'application/yaml' }, body: yaml },
      });
    await put(serviceYaml('web'));
    await put(serviceYaml('web', '2'));
    expect(await linesOf('rollback', '1', '--reason', 'r')).toEqual([
      'api is as at revision 1; 1 object changed:',
      '  updated Service default/web',
    ]);
    expect(await jsonOf('rollback', '2', '--reason', 'r')).toEqual({
      revision: 4,
      changed: [{ kind: 'Service', namespace: 'default', name: 'web', change: 'updated' }],
    });
  });
});

describe('of one that stays', () => {
  beforeAll(async () => {
    await open();
    await git.push(servicesYaml(['web']));
  });
  afterAll(close);

  test.each<[string, string[], 1 | 2, RegExp]>([
    [
      'no number',
      ['rollback', 'two', '--reason', 'r'],
      2,
      /^"two" is no number of a revision; see: /,
    ],
    ['a revision that is not there', ['rollback', '9', '--reason', 'r'], 1, /9; the newest is 1$/],
    [
      'a source of others',
      ['rollback', '1', '--source', 'api', '--reason', 'r'],
      1,
      /known: git:fl/,
    ],
    [
      'an empty reason',
      ['rollback', '1', '--reason', ''],
      1,
      /^the body is not valid\n {2}reason: /,
    ],
    ['nothing held', ['allow-prune'], 1, /^no source is held$/],
    ['that one not held', ['allow-prune', 'git:fleet'], 1, /sources that are held: none$/],
    ['nothing pinned', ['release'], 1, /^no source is pinned$/],
    ['that one not pinned', ['release', 'git:fleet'], 1, /sources that are pinned: none$/],
    ['a misspelt kind', ['versions', 'servce', 'default/web'], 1, /did you mean "Service"\?$/],
    ['a version of others', ['diff', 'service', 'default/web', '1', '7'], 1, /newest first: 1$/],
    ['versions of no number', ['diff', 'service', 'default/web', 'x', '1'], 2, /^"x" is no number/],
    ['a limit that is none', ['revisions', '--limit', 'all'], 1, /limit: /],
  ])('%s ends with a code and a way out', async (_, args, exitCode, message) => {
    const { out, error } = await drift(...args);
    expect(out).toBe('');
    expect(error).toMatchObject({ exitCode, message: expect.stringMatching(message) as string });
  });

  test('a rollback wants a reason', async () => {
    const { err, error } = await drift('rollback', '1');
    expect(err).toContain(`required option '--reason <text>' not specified`);
    expect(error).toMatchObject({ code: 'commander.missingMandatoryOptionValue' });
  });

  test('what git owns is neither applied nor deleted by hand; the answer says where it stands', async () => {
    const args = ['delete', 'service', 'default/web', '--api', url];
    const { error } = await runCli(registerManifests, args);
    expect(error).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining(
        'Service default/web belongs to source git:fleet (fleet/web.yaml:1)',
      ) as string,
    });
  });
});

test('a source that is pinned and in trouble says both', () => {
  const lines = renderSources([
    {
      ...{
        source: 'git:fleet',
        revision: 2,
        commit: null,
        appliedAt: null,
        objects: 1,
        held: null,
      },
      pinned: { revision: 1, by: 'user:ann', reason: '2 is slow' },
      error: { message: 'manifest refused', problems: ['fleet/a.yaml:1:1: no'] },
    },
  ]);
  expect(lines[1]).toMatch(
    / pinned to 1 by user:ann: 2 is slow; not in force as it is now: manifest refused$/,
  );
  expect(lines[2]).toBe('  fleet/a.yaml:1:1: no');
});
