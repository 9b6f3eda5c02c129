import { query } from '../../storage/database';
import { applyRevision, type ManifestObject, type RevisionRequest } from '../../storage/manifests';
import { listSources } from '../../storage/manifest-sources';
import { letThrough, releasePin } from '../../storage/manifest-standstill';
import { objectsAt } from '../../storage/revisions-read';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
});

const SOURCE = 'git:fleet';
const ANN = { actor: 'user:ann', correlationId: 'c-2' };
const YES = { ...ANN, reason: null, checksum: null };

function apply(objects: ManifestObject[], changes: Partial<RevisionRequest> = {}) {
  return applyRevision(database.pool, {
    source: SOURCE,
    author: 'Bob <bob@example.com>',
    correlationId: 'c-1',
    mode: 'replaceSource',
    objects,
    deletions: [],
    pruneShare: 0.5,
    ...changes,
  });
}

const rows = (sql: string) => query<Record<string, unknown>>(database.pool, sql, []);
const named = (...names: string[]): ManifestObject[] => names.map((name) => service(name));
const inForce = async () =>
  (await rows('select name from manifests order by name')).map(({ name }) => name);
const events = async () =>
  (await rows(`select event from audit_events where event <> 'manifest_applied' order by id`)).map(
    ({ event }) => event,
  );
const sourceRow = async () => (await listSources(database.pool))[0];

const SIX = ['a', 'b', 'c', 'd', 'e', 'f'];

test('a revision that would remove more than half waits, changes nothing and says so once', async () => {
  await apply(named(...SIX));
  expect(await apply(named('a', 'b'))).toEqual({ kind: 'held', count: 4, of: 6 });
  expect(await apply(named('a', 'b'))).toEqual({ kind: 'held', count: 4, of: 6 });
  expect(await inForce()).toEqual(SIX);
  expect(await events()).toEqual(['revision_held']);
  expect((await sourceRow())?.held).toMatchObject({
    ...{ count: 4, of: 6 },
    removals: ['c', 'd', 'e', 'f'].map((name) => `Service default/${name}`),
  });
});

test('exactly half is removed without a question, and so is one alone', async () => {
  await apply(named(...SIX));
  expect(await apply(named('a', 'b', 'c'))).toMatchObject({ kind: 'applied' });
  expect(await apply(named('a'))).toEqual({ kind: 'held', count: 2, of: 3 });
  expect(await apply(named('a', 'b'))).toMatchObject({ kind: 'applied' });
  expect(await apply([])).toEqual({ kind: 'held', count: 2, of: 2 });
  expect(await apply(named('a'))).toMatchObject({ kind: 'applied' });
  expect(await apply([])).toMatchObject({ kind: 'applied' });
  expect(await inForce()).toEqual([]);
});

test('what is added in the same revision does not make up for what goes', async () => {
  await apply(named(...SIX));
  expect(await apply(named('a', 'b', 'u', 'v', 'w', 'x'))).toMatchObject({
    kind: 'held',
    count: 4,
  });
});

test('a person lets through just what is held, and another revision asks again', async () => {
  await apply(named(...SIX));
  await apply(named('a', 'b'));
  expect(await letThrough(database.pool, SOURCE, YES)).toMatchObject({
    ...{ kind: 'allowed', held: { count: 4 } },
  });
  expect(await apply(named('a'))).toEqual({ kind: 'held', count: 5, of: 6 });
  await letThrough(database.pool, SOURCE, { ...YES, reason: 'decommissioned' });
  expect(await apply(named('a'))).toMatchObject({ kind: 'applied' });
  expect(await inForce()).toEqual(['a']);
  expect((await sourceRow())?.held).toBeNull();
  // The permission is used up.
  await apply(named(...SIX));
  expect(await apply(named('a'))).toMatchObject({ kind: 'held' });
  expect(await letThrough(database.pool, 'git:other', YES)).toEqual({ kind: 'nothingHeld' });
});

test('a permission for what is held no longer lets nothing else through', async () => {
  await apply(named(...SIX));
  await apply(named('a', 'b'));
  const seen = (await sourceRow())?.held?.checksum ?? '';
  await apply(named('a'));
  expect(await letThrough(database.pool, SOURCE, { ...YES, checksum: seen })).toMatchObject({
    ...{ kind: 'movedOn', held: { count: 5 } },
  });
  expect(await apply(named('a'))).toMatchObject({ kind: 'held' });
  const now = (await sourceRow())?.held?.checksum ?? '';
  await letThrough(database.pool, SOURCE, { ...YES, checksum: now });
  expect(await apply(named('a'))).toMatchObject({ kind: 'applied' });
});

test('a source that wants its objects again is held no longer', async () => {
  await apply(named(...SIX));
  await apply(named('a'));
  expect(await apply(named(...SIX))).toMatchObject({ kind: 'applied', revision: null });
  expect((await sourceRow())?.held).toBeNull();
});

async function rolledBack(): Promise<number> {
  const first = await apply([service('web')]);
  await apply([service('web', { labels: { tier: 'two' } }), service('new')]);
  const revision = first.kind === 'applied' ? (first.revision ?? 0) : 0;
  const rollback = { revision, reason: 'two is broken', isDryRun: false };
  const result = await apply([service('web')], { rollback, author: 'user:ann' });
  expect(result).toMatchObject({ kind: 'applied' });
  return revision;
}

const NEWER = () => [service('web', { labels: { tier: 'two' } }), service('new')];

test('after a rollback the source does not put back what was rolled back', async () => {
  const revision = await rolledBack();
  expect(await apply(NEWER())).toMatchObject({
    kind: 'pinned',
    pin: { revision, by: 'user:ann', reason: 'two is broken' },
  });
  expect(await inForce()).toEqual(['web']);
  expect(await events()).toEqual(['rolled_back']);
  expect(await rows('select rolled_back_to, reason from revisions order by revision desc')).toEqual(
    expect.arrayContaining([{ rolled_back_to: revision, reason: 'two is broken' }]),
  );
});

test('the pin ends when the source moves on', async () => {
  await rolledBack();
  expect(await apply([...NEWER(), service('third')])).toMatchObject({ kind: 'applied' });
  expect(await inForce()).toEqual(['new', 'third', 'web']);
  expect(await events()).toEqual(['rolled_back', 'pin_released']);
  expect((await sourceRow())?.pin).toBeNull();
});

test('the pin ends when a person releases it', async () => {
  const revision = await rolledBack();
  expect(await releasePin(database.pool, SOURCE, ANN)).toMatchObject({ revision });
  expect(await apply(NEWER())).toMatchObject({ kind: 'applied' });
  expect(await inForce()).toEqual(['new', 'web']);
  expect(await releasePin(database.pool, SOURCE, ANN)).toBeNull();
});

test('a source that was never looked at since is pinned against what it wants first', async () => {
  await rolledBack();
  await query(database.pool, `update sources set seen_checksum = '', pinned_against = ''`, []);
  expect(await apply(NEWER())).toMatchObject({ kind: 'pinned' });
  expect(await apply(NEWER())).toMatchObject({ kind: 'pinned' });
  expect(await apply([service('third')])).toMatchObject({ kind: 'applied' });
});

test('the objects of an earlier revision are those that the source had then', async () => {
  const first = await apply(named('a', 'b'));
  await apply([service('a', { labels: { v: '2' } })]);
  await apply([...named('c')], { source: 'folder:other' });
  const revision = first.kind === 'applied' ? (first.revision ?? 0) : 0;
  const nameAndSum = (objects: { name: string; checksum: string }[]) =>
    objects.map(({ name, checksum }) => [name, checksum]);
  expect(nameAndSum(await objectsAt(database.pool, SOURCE, revision))).toEqual(
    nameAndSum(named('a', 'b')),
  );
  expect(nameAndSum(await objectsAt(database.pool, SOURCE, revision + 1))).toEqual(
    nameAndSum([service('a', { labels: { v: '2' } })]),
  );
});

test('what the database lost comes back, although the source wants the same', async () => {
  await apply(named('a', 'b'));
  await query(database.pool, `delete from manifests where name = 'a'`, []);
  expect(await apply(named('a', 'b'))).toMatchObject({
    changed: [{ name: 'a', change: 'created' }],
  });
});

test('a look that finds nothing new writes nothing', async () => {
  await apply(named(...SIX));
  const before = await rows('select xmin::text, * from sources');
  expect(await apply(named(...SIX))).toEqual({
    ...{ kind: 'applied', revision: null, changed: [] },
    unchanged: 6,
  });
  expect(await rows('select xmin::text, * from sources')).toEqual(before);
});

test('the commit stands on the revision', async () => {
  const origin = {
    commit: 'c'.repeat(40),
    ref: 'branch main',
    message: 'two replicas',
    authoredAt: 1_700_000_000_000,
    signedBy: 'bob',
  };
  await apply(named('a'), { origin });
  expect(
    await rows('select author, commit_id, ref, message, signed_by, authored_at from revisions'),
  ).toEqual([
    {
      author: 'Bob <bob@example.com>',
      commit_id: origin.commit,
      ref: 'branch main',
      message: 'two replicas',
      signed_by: 'bob',
      authored_at: origin.authoredAt,
    },
  ]);
});
