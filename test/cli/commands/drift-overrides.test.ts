import { randomUUID } from 'node:crypto';
import { register } from '../../../cli/commands/drift';
import { inTransaction } from '../../../storage/database';
import { applyRevision } from '../../../storage/manifests';
import { setOverride } from '../../../storage/overrides';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { service } from '../../support/manifest-objects';
import { runCli, type Run } from '../support';

let database: TestDatabase;
let api: TestApi;
let url: string;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  await applyRevision(database.pool, {
    ...{ source: 's', author: 'vigil', correlationId: null, deletions: [], mode: 'upsert' },
    objects: [service('web', { runtime: { type: 'external' }, desired: { replicas: 2 } })],
  });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

const drift = (...args: string[]): Promise<Run> =>
  runCli(register, ['drift', ...args, '--api', url]);

async function scaled(): Promise<void> {
  await inTransaction(database.pool, (db) =>
    setOverride(db, {
      ...{ resource: 'default/web', pointer: '/replicas', value: 4, actionId: randomUUID() },
      ...{ policy: 'default/busy', forMs: null },
    }),
  );
}

test('what stands instead of a manifest is a table, and ends when it is released, once', async () => {
  expect((await drift('overrides')).out.trim()).toBe('nothing stands instead of a manifest');
  await scaled();
  const [head, row] = (await drift('overrides', 'web')).out.trim().split('\n');
  expect(head).toMatch(/^RESOURCE +WHERE +MANIFEST +INSTEAD +BY +UNTIL$/);
  expect(row).toMatch(/^default\/web +\/replicas +2 +4 +default\/busy +the manifest changes$/);
  expect((await drift('release-override', 'web')).out.trim()).toBe(
    'default/web: /replicas is to be as its manifest says again',
  );
  expect((await drift('release-override', 'web')).error).toMatchObject({
    message: expect.stringContaining('default/web has no override of /replicas') as string,
  });
});

test('with --json it is the answer itself', async () => {
  await scaled();
  const { out } = await drift('overrides', '--json');
  expect(JSON.parse(out)).toMatchObject({
    items: [{ resource: 'default/web', value: 4, desired: 2, until: null }],
  });
});
