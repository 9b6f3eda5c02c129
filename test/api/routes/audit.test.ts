import { insertAudit } from '../../../storage/audit';
import { sealBatch } from '../../../storage/seals';
import type { AuditEvent } from '../../../domain/audit';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
});

afterEach(async () => {
  await api.close();
  await database.drop();
});

function row(changes: Partial<AuditEvent>): AuditEvent {
  return {
    namespace: 'default',
    resource: 'default/web',
    policy: null,
    actionId: null,
    step: -1,
    event: 'started',
    actor: 'vigil',
    door: 'worker',
    correlationId: 'r1',
    policyRevision: null,
    details: {},
    ...changes,
  };
}

interface Listed {
  items: { resource: string; seal: number | null; hash: string | null; details: { i: number } }[];
  nextCursor: string | null;
}

test('rows are listed newest first, sealed or not, page by page', async () => {
  await insertAudit(
    database.pool,
    [0, 1, 2].map((i) => row({ details: { i } })),
  );
  await sealBatch(database.pool, 2);

  const first = (await api.app.inject('/api/v1/audit?limit=2')).json<Listed>();
  const rest = (
    await api.app.inject(`/audit?limit=2&cursor=${first.nextCursor ?? ''}`)
  ).json<Listed>();

  expect(first.items.map(({ details, seal }) => [details.i, seal])).toEqual([
    [2, null],
    [1, 2],
  ]);
  expect(rest.items).toMatchObject([{ details: { i: 0 }, seal: 1, requestId: 'r1' }]);
  expect(rest.items[0]?.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(rest.nextCursor).toBeNull();
});

test('rows are filtered by resource, namespace and action', async () => {
  const action = '00000000-0000-4000-8000-000000000001';
  await insertAudit(database.pool, [
    row({}),
    row({ namespace: 'other', resource: 'other/web' }),
    row({ resource: 'default/db', actionId: action }),
  ]);
  const found = async (search: string): Promise<string[]> =>
    (await api.app.inject(`/audit?${search}`)).json<Listed>().items.map((one) => one.resource);
  expect(await found('resource=web')).toEqual(['default/web']);
  expect(await found('namespace=other')).toEqual(['other/web']);
  expect(await found(`action=${action}`)).toEqual(['default/db']);
});

test('the proof covers the whole chain and names the first row that does not hold', async () => {
  await insertAudit(
    database.pool,
    Array.from({ length: 1100 }, (_, i) => row({ details: { i } })),
  );
  while ((await sealBatch(database.pool, 500)) > 0);
  const verify = async (): Promise<unknown> => (await api.app.inject('/audit/verify')).json();
  expect(await verify()).toEqual({ ok: true, namespace: 'default', rows: 1100, firstBroken: null });

  await database.pool.query(`alter table audit_events disable trigger user`);
  await database.pool.query(
    `update audit_events set actor = 'user:eve'
     where id = (select event_id from audit_seals where number = 1050)`,
  );
  expect(await verify()).toEqual({
    ok: false,
    namespace: 'default',
    rows: 1049,
    firstBroken: 1050,
  });
  expect((await api.app.inject('/audit/verify?namespace=empty')).json()).toMatchObject({
    ok: true,
    rows: 0,
  });
});
