import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CONSTANTS } from '../../../activities';
import { recordEnding } from '../../../activities/record';
import { verifyExport } from '../../../cli/audit-export';
import type { AuditEvent } from '../../../domain/audit';
import { admit } from '../../../storage/admission';
import { insertAudit } from '../../../storage/audit';
import { pruneChain } from '../../../storage/audit-retention';
import { query } from '../../../storage/database';
import { sealBatch } from '../../../storage/seals';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { ask } from '../../support/requests';
import { waitFor } from '../../support/wait';

const folder = mkdtempSync(join(tmpdir(), 'vigil-audit-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

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
    actor: 'user:ann',
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
  expect(await verify()).toEqual({
    ...{ ok: true, namespace: 'default', rows: 1100, firstBroken: null, from: 0 },
  });

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
    from: 0,
  });
  expect((await api.app.inject('/audit/verify?namespace=empty')).json()).toMatchObject({
    ok: true,
    rows: 0,
  });
});

async function sealAll(): Promise<void> {
  while ((await sealBatch(database.pool, 500)) > 0);
}

async function exported(search = ''): Promise<string> {
  const answer = await api.app.inject(`/api/v1/audit/export${search}`);
  expect(answer.headers['content-type']).toContain('application/x-ndjson');
  return answer.body;
}

async function verifyFile(content: string): ReturnType<typeof verifyExport> {
  const file = join(folder, 'audit.ndjson');
  writeFileSync(file, content);
  return verifyExport(file);
}

describe('an export', () => {
  beforeEach(async () => {
    await insertAudit(database.pool, [
      ...[1, 2, 3, 4].map((i) => row({ details: { i, text: 'é \u2028' } })),
      row({ namespace: 'other', inputsHash: 'a'.repeat(64) }),
    ]);
    await sealAll();
  });

  test('is verified without any server, chain by chain', async () => {
    expect(await verifyFile(await exported())).toEqual([
      { ok: true, namespace: 'default', rows: 4, firstBroken: null, from: 0 },
      { ok: true, namespace: 'other', rows: 1, firstBroken: null, from: 0 },
    ]);
  });

  test.each([
    [
      'changed',
      (lines: string[]) => [lines[0], lines[1]?.replace('ann', 'eve'), ...lines.slice(2)],
    ],
    ['left out', (lines: string[]) => [lines[0], ...lines.slice(2)]],
    ['swapped with its neighbour', (l: string[]) => [l[0], l[2], l[1], ...l.slice(3)]],
  ])('names the first row when one is %s', async (_how, tamper) => {
    const lines = (await exported('?namespace=default')).trim().split('\n');
    expect(await verifyFile(tamper(lines).join('\n'))).toMatchObject([
      { ok: false, rows: 1, firstBroken: 2 },
    ]);
  });

  test('of later rows only is verified from its own first row on', async () => {
    expect(await verifyFile(await exported('?namespace=default&after=2'))).toMatchObject([
      { ok: true, rows: 4, from: 2 },
    ]);
  });

  test('with a line that is none says which', async () => {
    await expect(verifyFile('{"id": 1}\n')).rejects.toThrow('audit.ndjson:1: this is no line');
  });
});

describe('retention', () => {
  const later = (): number => Date.now() + 1000;

  test('drops old rows behind a checkpoint, and the rest is still proven, also in an export', async () => {
    await insertAudit(
      database.pool,
      [1, 2, 3].map((i) => row({ details: { i } })),
    );
    await sealAll();
    const before = Date.now();
    await waitFor('the clock to move on', () => Promise.resolve(Date.now() > before + 5));
    await insertAudit(database.pool, [row({ details: { i: 4 } })]);
    await sealAll();
    const pruned = await pruneChain(database.pool, {
      namespace: 'default',
      before: before + 3,
      actor: 'user:ann',
    });
    expect(pruned).toMatchObject({ dropped: 3, checkpoint: { number: 3 } });
    await sealAll();
    expect((await api.app.inject('/audit/verify')).json()).toEqual({
      ...{ ok: true, namespace: 'default', rows: 5, firstBroken: null, from: 3 },
    });
    expect(await verifyFile(await exported())).toMatchObject([{ ok: true, rows: 5, from: 3 }]);
    const said = (await api.app.inject('/audit?limit=1')).json<Listed>();
    expect(said.items).toMatchObject([
      { event: 'checkpointed', actor: 'user:ann', details: { number: 3, dropped: 3 } },
    ]);
  });

  test('never drops the newest row, nor one that is not sealed', async () => {
    await insertAudit(database.pool, [row({ details: { i: 1 } })]);
    await sealAll();
    await insertAudit(database.pool, [row({ details: { i: 2 } })]);
    const input = { namespace: 'default', before: later(), actor: 'user:ann' };
    expect(await pruneChain(database.pool, input)).toBeNull();
  });

  test('rows that no checkpoint covers cannot be deleted', async () => {
    await insertAudit(database.pool, [row({}), row({})]);
    await expect(database.pool.query('delete from audit_events')).rejects.toThrow('insert-only');
    await sealAll();
    await expect(database.pool.query('delete from audit_seals')).rejects.toThrow('insert-only');
    await expect(database.pool.query('delete from audit_events')).rejects.toThrow('insert-only');
  });

  test('is asked for over the api', async () => {
    await insertAudit(database.pool, [row({}), row({})]);
    await sealAll();
    const ask = (olderThan: string) =>
      api.app.inject({ method: 'POST', url: '/audit/prune', payload: { olderThan } });
    expect((await ask('1h')).json()).toEqual({ dropped: 0, checkpoint: null });
    expect((await ask('soon')).statusCode).toBe(422);
  });
});

test('the list of actions is told anew from the audit trail, and says what differed', async () => {
  const { pool } = database;
  const done = await ask(pool, { target: 'default/a', policy: null });
  const open = await ask(pool, { target: 'default/b', policy: null });
  await admit(pool);
  await recordEnding({ pool, constants: DEFAULT_CONSTANTS }, done, () => ({
    ...{ event: 'recorded', outcome: 'succeeded', reason: 'healthy again' },
  }));
  const list = async () =>
    query<{ outcome: string | null; state: string }>(
      pool,
      'select * from actions order by action_id',
    );
  const before = await list();
  const replay = async (dryRun = false) =>
    (
      await api.app.inject({ method: 'POST', url: '/audit/replay', payload: { dryRun } })
    ).json<object>();
  expect(await replay()).toEqual({ told: 2, missing: [], changed: [] });
  expect(await list()).toEqual(before);
  await query(pool, `update actions set outcome = 'failed' where action_id = $1`, [done]);
  await query(pool, 'delete from actions where action_id = $1', [open]);
  const differs = { told: 2, missing: [open], changed: [{ id: done, fields: ['outcome'] }] };
  expect(await replay(true)).toEqual(differs);
  expect(await replay()).toEqual(differs);
  expect(await replay()).toEqual({ told: 2, missing: [], changed: [] });
  const told = await list();
  expect(told.map((row) => [row.outcome, row.state])).toEqual(
    before.map((row) => [row.outcome, row.state]),
  );
});
