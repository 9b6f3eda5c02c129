import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { createGitRound, serviceYaml, type GitRound } from '../../support/git-round';

let database: TestDatabase;
let api: TestApi;
let git: GitRound;
/** Ids of the commits that `beforeAll` made, oldest first. */
let commits: string[];
/** Their revisions. */
let revisions: number[];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  git = createGitRound(database.pool);
  commits = [];
  revisions = [];
  const pushes: [Record<string, string | null>, string][] = [
    [{ 'web.yaml': serviceYaml('web'), 'db.yaml': serviceYaml('db') }, 'two services'],
    [{ 'web.yaml': serviceYaml('web', '2') }, 'web: version 2'],
    [{ 'db.yaml': null }, 'no db'],
  ];
  for (const [files, message] of pushes) {
    const { commit, status } = await git.push(files, message);
    commits.push(commit);
    revisions.push(status.revision ?? 0);
  }
  await put(serviceYaml('ad-hoc'));
});
afterAll(async () => {
  git.remove();
  await api.close();
  await database.drop();
});

async function put(yaml: string): Promise<void> {
  const headers = { 'content-type': 'application/yaml', 'x-vigil-actor': 'ann' };
  const url = '/api/v1/manifests';
  const answer = await api.app.inject({ method: 'PUT', url, payload: yaml, headers });
  expect(answer.statusCode).toBe(200);
}

interface Answer {
  status?: number;
  detail: string;
  items: Record<string, unknown>[];
  changes: Record<string, unknown>[];
  nextCursor?: string | null;
}

async function get(path: string): Promise<Answer> {
  const answer = await api.app.inject(`/api/v1${path}`);
  return { status: answer.statusCode, ...answer.json<Answer>() };
}

test('revisions are listed newest first, with the commit and its author, or who asked', async () => {
  const { items } = await get('/revisions');
  const bob = { source: 'git:fleet', author: 'Bob <bob@example.com>', ref: 'branch main' };
  expect(items).toMatchObject([
    { source: 'api', author: 'user:ann', commit: null, ref: null, message: null, written: 1 },
    { ...bob, commit: commits[2], message: 'no db', written: 0, deleted: 1 },
    { ...bob, commit: commits[1], message: 'web: version 2', written: 1, deleted: 0 },
    { ...bob, commit: commits[0], message: 'two services', written: 2, deleted: 0 },
  ]);
  expect(items.every(({ rolledBackTo, reason }) => rolledBackTo === null && reason === null)).toBe(
    true,
  );
  expect(Date.parse(String(items[1]?.['authoredAt']))).not.toBeNaN();
});

test('revisions are filtered by source and come page by page', async () => {
  const first = await get('/revisions?source=git:fleet&limit=2');
  expect(first.items.map(({ revision }) => revision)).toEqual([revisions[2], revisions[1]]);
  const cursor = encodeURIComponent(String(first.nextCursor));
  const second = await get(`/revisions?source=git:fleet&limit=2&cursor=${cursor}`);
  expect(second.items.map(({ revision }) => revision)).toEqual([revisions[0]]);
  expect(second.nextCursor).toBeNull();
  expect((await get('/revisions?source=git:nobody')).items).toEqual([]);
});

test('one revision says what it did to each object, and which revision wrote it before', async () => {
  expect(await get(`/revisions/${revisions[0]}`)).toMatchObject({
    commit: commits[0],
    changes: [
      { kind: 'Service', name: 'db', change: 'created', previous: null, line: 1 },
      { kind: 'Service', name: 'web', change: 'created', previous: null, line: 1 },
    ],
  });
  const { changes } = await get(`/revisions/${revisions[1]}`);
  expect(changes).toMatchObject([
    { name: 'web', change: 'updated', previous: revisions[0], file: 'fleet/web.yaml' },
  ]);
  expect((await get(`/revisions/${revisions[2]}`)).changes).toMatchObject([
    { name: 'db', change: 'deleted', previous: revisions[0], file: 'fleet/db.yaml' },
  ]);
});

test('the versions of a manifest carry checksum, commit and author, also once it is deleted', async () => {
  const web = await get('/manifests/service/default/web/versions');
  const bob = { author: 'Bob <bob@example.com>', source: 'git:fleet', deleted: false };
  expect(web.items).toMatchObject([
    { ...bob, revision: revisions[1], commit: commits[1], file: 'fleet/web.yaml', line: 1 },
    { ...bob, revision: revisions[0], commit: commits[0], file: 'fleet/web.yaml', line: 1 },
  ]);
  const checksums = web.items.map(({ checksum }) => checksum);
  expect(new Set(checksums).size).toBe(2);
  for (const checksum of checksums) expect(checksum).toMatch(/^[0-9a-f]{64}$/);
  const detail = await api.app.inject('/manifests/Service/default/web');
  expect(detail.json()).toMatchObject({ checksum: checksums[0], versions: web.items });

  const db = await get('/manifests/Service/default/db/versions');
  expect(db.items).toMatchObject([
    { revision: revisions[2], deleted: true, checksum: null, commit: commits[2] },
    { revision: revisions[0], deleted: false, commit: commits[0] },
  ]);
});

test('two versions differ field by field, in either direction', async () => {
  const between = (from: unknown, to: unknown) =>
    get(`/manifests/Service/default/web/diff?from=${String(from)}&to=${String(to)}`);
  const path = '/spec/runtime/env/VERSION';
  expect((await between(revisions[0], revisions[1])).changes).toEqual([
    { op: 'replace', path, from: '1', to: '2' },
  ]);
  expect((await between(revisions[1], revisions[0])).changes).toEqual([
    { op: 'replace', path, from: '2', to: '1' },
  ]);
  expect((await between(revisions[1], revisions[1])).changes).toEqual([]);
});

test('of a deletion everything is taken away', async () => {
  const path = `/manifests/Service/default/db/diff?from=${revisions[0]}&to=${revisions[2]}`;
  const { changes } = await get(path);
  expect(changes).toMatchObject([
    { op: 'replace', path: '', from: { metadata: { name: 'db' } }, to: null },
  ]);
});

test.each<[string, string, number, RegExp]>([
  ['no number', '/revisions/first', 422, /^the params is not valid$/],
  ['a number that is none', '/revisions/0', 422, /^the params is not valid$/],
  ['a revision that is not there', '/revisions/999', 404, /no revision 999; the newest is \d+$/],
  ['a cursor of another list', '/revisions?cursor=eA', 422, /cursor/],
  [
    'a kind that is misspelt',
    '/manifests/Servce/default/web/versions',
    404,
    /^there never was a manifest Servce default\/web; did you mean "Service"\?$/,
  ],
  [
    'a kind of something else',
    '/manifests/Deployment/default/web/versions',
    404,
    /; kinds: Service, Policy, /,
  ],
  [
    'a manifest that never was',
    '/manifests/Service/default/nobody/versions',
    404,
    /^there never was a manifest Service default\/nobody$/,
  ],
  ['a diff of one', '/manifests/Service/default/web/diff?from=1', 422, /querystring is not valid/],
  [
    'a diff with a revision of others',
    '/manifests/Service/default/web/diff?from=1&to=3',
    404,
    /^revision 3 did not write Service default\/web; these did, newest first: 2, 1$/,
  ],
  [
    'a diff of a manifest that never was',
    '/manifests/Service/default/nobody/diff?from=1&to=2',
    404,
    /^there never was a manifest Service default\/nobody$/,
  ],
  ['a text that PostgreSQL cannot hold', '/manifests/Service/a%00b/web/versions', 422, /NUL/],
  ['a source that PostgreSQL cannot hold', '/revisions?source=a%00b', 422, /NUL/],
])('%s is a problem that says what to do', async (_, path, status, detail) => {
  const answer = await api.app.inject(`/api/v1${path}`);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json()).toMatchObject({
    ...{ type: 'about:blank', status, requestId: expect.any(String) as string },
    detail: expect.stringMatching(detail) as string,
  });
});
