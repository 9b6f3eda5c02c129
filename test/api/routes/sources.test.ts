import type { Pool } from 'pg';
import { query } from '../../../storage/database';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { createGitRound, serviceYaml, servicesYaml, type GitRound } from '../../support/git-round';
import { dumpTables } from '../../support/dump';

let database: TestDatabase;
let api: TestApi;
let git: GitRound;

async function open(): Promise<void> {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  git = createGitRound(database.pool);
}

async function close(): Promise<void> {
  git.remove();
  await api.close();
  await database.drop();
}

interface SourceAnswer {
  source: string;
  revision: number | null;
  objects: number;
  held: { checksum: string; count: number; of: number; removals: string[] } | null;
  pinned: { revision: number; by: string; reason: string; at: string } | null;
}

interface Answer {
  status: number;
  detail: string;
  revision: number | null;
  changed: { kind: string; name: string; change: string }[];
}

async function post(path: string, payload?: object) {
  const url = `/api/v1/sources/${path}`;
  const headers = { 'x-vigil-actor': 'ann' };
  const body = payload === undefined ? {} : { payload };
  const answer = await api.app.inject({ method: 'POST', url, headers, ...body });
  return {
    contentType: answer.headers['content-type'],
    ...answer.json<Answer>(),
    status: answer.statusCode,
  };
}

async function source(name = 'git:fleet'): Promise<SourceAnswer | undefined> {
  const answer = await api.app.inject('/api/v1/sources');
  return answer.json<{ items: SourceAnswer[] }>().items.find((one) => one.source === name);
}

/** `web 1`: the Services in force, with the version in their environment. */
async function inForce(pool: Pool = database.pool): Promise<string[]> {
  const rows = await query<{ text: string }>(
    pool,
    `select name || ' ' || (spec #>> '{runtime,env,VERSION}') as text from resources
     where deleted_at is null order by 1`,
  );
  return rows.map(({ text }) => text);
}

const events = async (): Promise<string[]> =>
  (
    await query<{ text: string }>(
      database.pool,
      `select event || ' ' || actor || ' ' || door as text from audit_events
       where event <> 'manifest_applied' order by id`,
    )
  ).map(({ text }) => text);

const TO_1 = { revision: 1, reason: 'r' };
const SIX = ['a', 'b', 'c', 'd', 'e', 'f'];
const without = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [`${name}.yaml`, null]));

describe('a revision that would remove more than half of the objects', () => {
  beforeEach(async () => {
    await open();
    await git.push(servicesYaml(SIX));
  });
  afterEach(close);

  test('is held and shown, with what it would remove, and nothing is changed', async () => {
    const before = await inForce();
    const { status } = await git.push(without('a', 'b', 'c', 'd'), 'too much');
    expect(status).toMatchObject({
      held: { count: 4, of: 6 },
      lastError: expect.stringContaining('./vigil drift allow-prune git:fleet') as string,
    });
    expect(await source()).toMatchObject({
      ...{ objects: 6, pinned: null },
      held: {
        ...{ count: 4, of: 6, checksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
        removals: ['a', 'b', 'c', 'd'].map((name) => `Service default/${name}`),
      },
    });
    expect(await inForce()).toEqual(before);
    expect(await events()).toEqual(['revision_held Bob <bob@example.com> gitops']);
  });

  test('is let through by a person, just this one and once', async () => {
    await git.push(without('a', 'b', 'c', 'd'));
    const { checksum } = (await source())?.held ?? {};
    expect(await post('git:fleet/allow-prune', { reason: 'moved away', checksum })).toMatchObject({
      ...{ status: 200, source: 'git:fleet', count: 4, of: 6 },
    });
    const { held, lastError } = await git.look();
    expect({ held, lastError }).toEqual({ held: null, lastError: null });
    expect(await inForce()).toEqual(['e 1', 'f 1']);
    expect(await source()).toMatchObject({ objects: 2, held: null });
    expect((await events()).at(-1)).toBe('prune_allowed user:ann api');

    // The next one of its kind is held again, be it the very same.
    await git.push(servicesYaml(SIX));
    const { status } = await git.push(without('a', 'b', 'c', 'd'));
    expect(status.held).toEqual({ count: 4, of: 6 });
    expect(await inForce()).toHaveLength(6);
  });

  test('that is allowed and then replaced by another one stays held', async () => {
    await git.push(without('a', 'b', 'c', 'd'));
    await post('git:fleet/allow-prune');
    const { status } = await git.push(without('e'));
    expect(status.held).toEqual({ count: 5, of: 6 });
    expect(await inForce()).toHaveLength(6);
  });

  test('is not let through by a permission for the one before', async () => {
    await git.push(without('a', 'b', 'c', 'd'));
    const { checksum } = (await source())?.held ?? {};
    await git.push(without('e'));
    const now = (await source())?.held?.checksum ?? '';
    const answer = await post('git:fleet/allow-prune', { checksum });
    expect(answer).toMatchObject({
      status: 409,
      detail: `source git:fleet moved on: what is held now would remove 5 of 6 objects; allow checksum ${now} if that is meant`,
    });
    expect((await git.look()).held).toEqual({ count: 5, of: 6 });
    await post('git:fleet/allow-prune', { checksum: now });
    expect((await git.look()).held).toBeNull();
    expect(await inForce()).toEqual(['f 1']);
  });

  test('waits no longer once the source wants its objects again', async () => {
    await git.push(without('a', 'b', 'c', 'd'));
    await git.push(servicesYaml(SIX));
    expect(await source()).toMatchObject({ objects: 6, held: null });
    expect(await post('git:fleet/allow-prune')).toMatchObject({
      status: 409,
      detail: 'nothing of source git:fleet is held; sources that are held: none',
    });
  });
});

describe('a rollback', () => {
  beforeEach(open);
  afterEach(close);

  /** Revisions: `web 1`; then `web 2` with `new 2`. */
  async function twoRevisions(): Promise<[number, number]> {
    const first = await git.push(servicesYaml(['web']), 'one');
    const second = await git.push(servicesYaml(['web', 'new'], '2'), 'two');
    return [first.status.revision ?? 0, second.status.revision ?? 0];
  }
  const back = (revision: number, reason = '2 is slow') =>
    post('git:fleet/rollback', { revision, reason });

  test('brings back what was in force, as a revision of its own, and pins it', async () => {
    const [first, second] = await twoRevisions();
    const answer = await back(first);
    expect(answer).toMatchObject({
      status: 200,
      changed: [
        { kind: 'Service', namespace: 'default', name: 'new', change: 'deleted' },
        { kind: 'Service', namespace: 'default', name: 'web', change: 'updated' },
      ],
    });
    expect(answer.revision).toBeGreaterThan(second);
    expect(await inForce()).toEqual(['web 1']);
    expect(await source()).toMatchObject({
      revision: answer.revision,
      pinned: { revision: first, by: 'user:ann', reason: '2 is slow' },
    });
    const made = await api.app.inject(`/api/v1/revisions/${String(answer.revision)}`);
    expect(made.json()).toMatchObject({
      ...{ author: 'user:ann', commit: null, rolledBackTo: first, reason: '2 is slow' },
      ...{ written: 1, deleted: 1 },
    });
    expect(await events()).toEqual(['rolled_back user:ann api']);
  });

  test('stands although gitops looks again, starts anew, or sees a commit that changes no object', async () => {
    const [first] = await twoRevisions();
    await back(first);
    expect(await git.look()).toMatchObject({
      ...{ lastError: null, held: null },
      pinned: { revision: first, by: 'user:ann', reason: '2 is slow' },
    });
    await git.push({ 'README.md': '# the fleet' }, 'a page');
    git.restart();
    expect(await git.look()).toMatchObject({ pinned: { revision: first } });
    expect(await inForce()).toEqual(['web 1']);
  });

  test('is over when git moves', async () => {
    const [first] = await twoRevisions();
    await back(first);
    const { status } = await git.push({ 'web.yaml': serviceYaml('web', '3') }, 'three');
    expect(status.pinned).toBeNull();
    expect(await inForce()).toEqual(['new 2', 'web 3']);
    expect(await source()).toMatchObject({ pinned: null });
    expect((await events()).at(-1)).toBe('pin_released Bob <bob@example.com> gitops');
  });

  test('is over when it is released: what git says is in force again', async () => {
    const [first] = await twoRevisions();
    await back(first);
    expect(await post('git:fleet/release')).toMatchObject({ status: 200, released: first });
    await git.look();
    expect(await inForce()).toEqual(['new 2', 'web 2']);
    expect((await events()).at(-1)).toBe('pin_released user:ann api');
    expect(await post('git:fleet/release')).toMatchObject({
      status: 409,
      detail: 'source git:fleet is not pinned; sources that are pinned: none',
    });
  });

  test('can be followed by another one, which is pinned instead', async () => {
    const [first, second] = await twoRevisions();
    await back(first);
    expect(await back(second, '1 is worse')).toMatchObject({ status: 200 });
    await git.look();
    expect(await inForce()).toEqual(['new 2', 'web 2']);
    expect(await source()).toMatchObject({ pinned: { revision: second, reason: '1 is worse' } });
  });

  test('ends the wait of what was held: the source has moved on only when it wants something else', async () => {
    const { status } = await git.push(servicesYaml(SIX));
    await git.push(servicesYaml(SIX, '2'));
    await git.push(without('a', 'b', 'c', 'd'));
    await back(status.revision ?? 0);
    expect(await source()).toMatchObject({ held: null, pinned: { revision: status.revision } });
    expect(await git.look()).toMatchObject({ held: null, pinned: { revision: status.revision } });
    expect(await inForce()).toEqual(SIX.map((name) => `${name} 1`));
    // Released, it is held as it was before.
    await post('git:fleet/release');
    expect(await git.look()).toMatchObject({ held: { count: 4, of: 6 }, pinned: null });
    expect(await inForce()).toHaveLength(6);
  });

  test('to what is in force makes no revision and pins all the same', async () => {
    const [, second] = await twoRevisions();
    expect(await back(second, 'freeze')).toMatchObject({ revision: null, changed: [] });
    expect(await source()).toMatchObject({ revision: second, pinned: { revision: second } });
  });

  test('of what came through the API needs no pin, since nobody puts it back', async () => {
    const put = async (payload: string) => {
      const headers = { 'content-type': 'application/yaml' };
      const url = '/api/v1/manifests';
      const answer = await api.app.inject({ method: 'PUT', url, payload, headers });
      return answer.json<{ revision: number }>().revision;
    };
    const first = await put(serviceYaml('web', '1'));
    await put(serviceYaml('web', '2'));
    expect(await post('api/rollback', { revision: first, reason: 'r' })).toMatchObject({
      changed: [{ name: 'web', change: 'updated' }],
    });
    expect(await inForce()).toEqual(['web 1']);
    expect(await source('api')).toMatchObject({ pinned: null });
  });

  test('as a dry run says what it would change and changes nothing', async () => {
    const [first] = await twoRevisions();
    const before = await dumpTables(database.pool);
    const body = { revision: first, reason: '2 is slow' };
    const foretold = await post('git:fleet/rollback?dryRun=true', body);
    expect(foretold).toMatchObject({ status: 200, revision: null });
    expect(await dumpTables(database.pool)).toEqual(before);
    const done = await back(first);
    expect(done.changed).toEqual(foretold.changed);
    expect(done.changed).toHaveLength(2);
  });

  test('is refused, dry or not, where another source has the object by now', async () => {
    const [first] = await twoRevisions();
    await git.push({ 'web.yaml': null });
    const other = createGitRound(database.pool, 'other');
    await other.push(servicesYaml(['web'], '9'));
    other.remove();
    const before = await dumpTables(database.pool);
    const detail = `revision ${first} cannot come back: Service default/web belongs to source git:other (other/web.yaml:1)`;
    const body = { revision: first, reason: 'r' };
    expect(await post('git:fleet/rollback?dryRun=true', body)).toMatchObject({
      status: 409,
      detail,
    });
    expect(await post('git:fleet/rollback', body)).toMatchObject({ status: 409, detail });
    expect(await dumpTables(database.pool)).toEqual(before);
  });

  test('is refused where today’s rules refuse a manifest of that time, naming what', async () => {
    const [first] = await twoRevisions();
    await query(
      database.pool,
      `update manifest_versions set document = jsonb_set(document, '{spec,runtyme}', '1') where revision = $1`,
      [first],
    );
    expect(await back(first)).toMatchObject({
      status: 422,
      detail: `today's rules refuse revision ${first}`,
      problems: [
        {
          field: 'fleet/web.yaml:1:1',
          message: '/spec/runtyme: unknown field "runtyme"; did you mean "runtime"?',
        },
      ],
    });
    expect(await inForce()).toEqual(['new 2', 'web 2']);
  });
});

describe('what cannot be is a problem that says what to do', () => {
  beforeAll(async () => {
    await open();
    await git.push(servicesYaml(['web']));
  });
  afterAll(close);

  test.each<[string, { path?: string; body?: object; status: number; detail: RegExp }]>([
    ['to no revision', { body: { reason: 'r' }, status: 422, detail: /^the body is not valid$/ }],
    ['without a reason', { body: { revision: 1 }, status: 422, detail: /^the body is not valid$/ }],
    ['with an empty reason', { body: { revision: 1, reason: ' ' }, status: 422, detail: /body/ }],
    ['with a field too many', { body: { ...TO_1, dry: 1 }, status: 422, detail: /body/ }],
    ['with a word for a flag', { path: '?dryRun=yes', status: 422, detail: /querystring/ }],
    ['with a NUL', { body: { ...TO_1, reason: 'a\0b' }, status: 422, detail: /NUL/ }],
    [
      'to what never was',
      {
        ...{ body: { ...TO_1, revision: 99 }, status: 404 },
        detail: /^there is no revision 99; the newest is 1$/,
      },
    ],
  ])('a rollback %s', async (_, { path = '', body = TO_1, status, detail }) => {
    const answer = await post(`git:fleet/rollback${path}`, body);
    expect(answer.contentType).toContain('application/problem+json');
    expect(answer).toMatchObject({ status, detail: expect.stringMatching(detail) as string });
    expect(await source()).toMatchObject({ pinned: null });
  });

  test('a rollback of nobody names the sources that there are', async () => {
    expect(await post('git:nobody/rollback', TO_1)).toMatchObject({
      status: 404,
      detail: 'source git:nobody never made a revision; known: git:fleet',
    });
  });

  test('a rollback to before the source had anything names its own revisions', async () => {
    const later = createGitRound(database.pool, 'later');
    const { status } = await later.push(servicesYaml(['x']));
    later.remove();
    expect(await post('git:later/rollback', TO_1)).toMatchObject({
      status: 404,
      detail: `source git:later had nothing in force at revision 1; its newest revisions: ${String(status.revision)}`,
    });
  });

  test('a permission or a release of nobody names who waits and who is pinned', async () => {
    await git.push(servicesYaml(SIX));
    const { status } = await git.push(without('a', 'b', 'c', 'd'));
    expect(await post('git:nobody/allow-prune')).toMatchObject({
      status: 409,
      detail: 'nothing of source git:nobody is held; sources that are held: git:fleet',
    });
    await post('git:fleet/rollback', { revision: status.revision, reason: 'r' });
    expect(await post('git:nobody/release')).toMatchObject({
      status: 409,
      detail: 'source git:nobody is not pinned; sources that are pinned: git:fleet',
    });
  });
});
