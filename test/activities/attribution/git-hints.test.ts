import { hintAtRevisions } from '../../../activities/attribution/git-hints';
import { createHints } from '../../../activities/attribution/hints';
import type { Change } from '../../../domain/drift/change';
import type { ServiceSpec } from '../../../domain/resource';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { listObserved, type ObservedResource } from '../../../storage/states';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
});

/** The resource `web` as it is after a revision of that author. */
async function apply(author: string, env: Record<string, string>): Promise<ObservedResource> {
  const runtime: ServiceSpec['runtime'] = {
    ...{ type: 'process', command: ['true'], cwd: '.', stopWithVigil: false },
    env,
  };
  await applyRevision(database.pool, {
    ...{ source: 's', author, correlationId: null, deletions: [] },
    mode: 'replaceSource',
    objects: [service('web', { runtime })],
  });
  const [found] = await listObserved(database.pool, null);
  if (found === undefined) throw new Error('no resource');
  return found;
}

async function explained(before: ObservedResource, after: ObservedResource) {
  const hints = createHints();
  await hintAtRevisions(database.pool, hints, { known: () => before, found: [after] });
  const changes = ['/env/A', '/env/B'].map((pointer): Change => ({
    ...{ pointer, kind: 'changed', desired: '1', observed: '2', severity: 'warning' },
  }));
  return hints.explain('default/web', changes);
}

it('tells who changed what differs now, and when that came into force', async () => {
  const before = await apply('bob', { A: '1', B: '1' });
  const after = await apply('ada', { A: '2', B: '1' });
  const [revision] = await query<{ at: number }>(
    database.pool,
    'select created_at as at from revisions where revision = 2',
  );
  expect(await explained(before, after)).toEqual({
    '/env/A': {
      ...{ from: 'git', by: 'ada', at: revision?.at },
      what: 'the manifest changed in revision 2 of s',
    },
  });
});

it('blames nobody for what an upgrade compiled to something else', async () => {
  const before = await apply('bob', { A: '1' });
  const after = await apply('ada', { A: '2' });
  await query(database.pool, `update revisions set reason = 'compiled anew' where revision = 2`);
  expect(await explained(before, after)).toMatchObject({
    '/env/A': { by: null, what: expect.stringContaining('compiled the manifest anew') as string },
  });
});
