import { hintAtRevisions } from '../../../activities/attribution/git-hints';
import { createHints } from '../../../activities/attribution/hints';
import type { ObservedState } from '../../../domain/action/runtime';
import type { Change } from '../../../domain/drift/change';
import type { ServiceSpec } from '../../../domain/resource';
import { query } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { createObservationStore, recordObservation } from '../../../storage/observations';
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

const OBSERVED: ObservedState = {
  ...{ identity: 'a', isRunning: true, isAbsent: false, command: ['true'] },
  ...{ env: { A: '1', B: '1' }, config: [] },
};

/** Somebody compares it, by a clock of this machine. */
async function compared(resource: ObservedResource): Promise<void> {
  const store = createObservationStore(database.pool);
  const seen = { resource, observed: OBSERVED, changes: [], observer: 'control' };
  const recorded = await recordObservation(store, { ...seen, observedAt: Date.now() });
  expect(recorded.kind).toBe('recorded');
}

/** By whom a look that comes now finds each of these differences made. */
async function explained() {
  const hints = createHints();
  await hintAtRevisions(database.pool, hints, [{ resource: 'default/web' }]);
  const changes = ['/env/A', '/env/B'].map((pointer): Change => ({
    ...{ pointer, kind: 'changed', desired: '1', observed: '2', severity: 'warning' },
  }));
  return hints.explain('default/web', changes);
}

it('tells who changed what differs now, and when that came into force', async () => {
  await compared(await apply('bob', { A: '1', B: '1' }));
  await apply('ada', { A: '2', B: '1' });
  const [revision] = await query<{ at: number }>(
    database.pool,
    'select created_at as at from revisions where revision = 2',
  );
  expect(await explained()).toEqual({
    '/env/A': {
      ...{ from: 'git', by: 'ada', at: revision?.at },
      what: 'the manifest changed in revision 2 of s',
    },
  });
});

it('of several that came while nobody looked, tells of each fact who changed it last', async () => {
  await compared(await apply('bob', { A: '1', B: '1' }));
  await apply('ada', { A: '2', B: '2' });
  await apply('eve', { A: '2', B: '3' });
  await apply('bob', { A: '2', B: '3', C: '1' });
  expect(await explained()).toMatchObject({ '/env/A': { by: 'ada' }, '/env/B': { by: 'eve' } });
});

it('tells nothing of what was never seen, nor once it was compared', async () => {
  await apply('bob', { A: '1', B: '1' });
  const ada = await apply('ada', { A: '2', B: '1' });
  expect(await explained()).toEqual({});
  await compared(ada);
  await compared(await apply('eve', { A: '2', B: '2' }));
  expect(await explained()).toEqual({});
});

it('blames nobody for what an upgrade compiled to something else', async () => {
  await compared(await apply('bob', { A: '1' }));
  await apply('ada', { A: '2' });
  await query(database.pool, `update revisions set reason = 'compiled anew' where revision = 2`);
  expect(await explained()).toMatchObject({
    '/env/A': { by: null, what: expect.stringContaining('compiled the manifest anew') as string },
  });
});
