import type { AuditEvent } from '../../domain/audit';
import { insertAudit } from '../../storage/audit';
import { inTransaction } from '../../storage/database';
import { GENESIS, GENESIS_HASH, verifyChain, type SealedRow } from '../../domain/audit-chain';
import { sha256 } from '../../platform/sha256';
import { loadChain, newestSeal, sealBatch } from '../../storage/seals';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await database.drop();
});

function event(changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    namespace: 'default',
    resource: 'default/web',
    policy: null,
    actionId: null,
    step: -1,
    event: 'paused',
    actor: 'user:ann',
    door: 'api',
    correlationId: 'request-1',
    policyRevision: null,
    details: { reason: 'maintenance', nested: { b: 1, a: [1, null, 'é'] } },
    ...changes,
  };
}

async function chainOf(namespace: string): Promise<SealedRow[]> {
  return loadChain(database.pool, namespace, { after: 0, limit: 1000 });
}

test('each namespace has a chain of its own, and one order of sealing goes over all', async () => {
  const { pool } = database;
  await insertAudit(pool, [
    event(),
    event({ namespace: 'other' }),
    event({ details: { second: true } }),
  ]);

  expect(await sealBatch(pool, 100)).toBe(3);

  const [first, second] = await chainOf('default');
  expect(first).toMatchObject({ number: 1, previousHash: GENESIS_HASH });
  expect(second).toMatchObject({ number: 2, previousHash: first?.hash, details: { second: true } });
  expect((await chainOf('other')).map((row) => row.number)).toEqual([1]);
  expect(await newestSeal(pool)).toBe(3);
  expect(await sealBatch(pool, 100)).toBe(0);
});

test('a row with a lower id that is committed later is sealed later, not skipped', async () => {
  const { pool } = database;
  const late = await pool.connect();
  try {
    await late.query('begin');
    await insertAudit(late, [event({ details: { committed: 'late' } })]);
    await insertAudit(pool, [event({ details: { committed: 'early' } })]);
    expect(await sealBatch(pool, 100)).toBe(1);
    await late.query('commit');
  } finally {
    late.release();
  }

  expect(await sealBatch(pool, 100)).toBe(1);

  const chain = await chainOf('default');
  expect(chain.map(({ details }) => details)).toEqual([
    { committed: 'early' },
    { committed: 'late' },
  ]);
  expect(chain[0]?.id).toBeGreaterThan(chain[1]?.id ?? 0);
  expect(verifyChain(chain, GENESIS, sha256)).toMatchObject({ ok: true, rows: 2 });
});

test('a transaction that is rolled back leaves nothing to seal', async () => {
  const { pool } = database;
  const failing = inTransaction(pool, async (db) => {
    await insertAudit(db, [event()]);
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  expect(await sealBatch(pool, 100)).toBe(0);
});

test('sealing goes batch by batch and from several sealers at once, without a gap', async () => {
  const { pool } = database;
  await insertAudit(
    pool,
    Array.from({ length: 60 }, (_, i) => event({ details: { i } })),
  );
  while ((await newestSeal(pool)) < 60) {
    await Promise.all([sealBatch(pool, 7), sealBatch(pool, 7), sealBatch(pool, 7)]);
  }

  const chain = await chainOf('default');
  expect(chain.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(verifyChain(chain, GENESIS, sha256)).toMatchObject({ ok: true, rows: 60 });
});

test('a chain is checked in parts, each from where the last one ended', async () => {
  const { pool } = database;
  await insertAudit(
    pool,
    Array.from({ length: 5 }, (_, i) => event({ details: { i } })),
  );
  await sealBatch(pool, 100);
  const chain = await chainOf('default');

  const head = verifyChain(chain.slice(0, 2), GENESIS, sha256);
  if (!head.ok) throw new Error('the head is whole');
  expect(verifyChain(chain.slice(2), head.last, sha256)).toMatchObject({ ok: true, rows: 5 });
  expect(verifyChain(chain.slice(3), head.last, sha256)).toEqual({
    ok: false,
    rows: 2,
    firstBroken: 3,
  });
});

describe('what an intruder with the right to alter the tables would do shows', () => {
  const alterations: [string, string, number][] = [
    ['a detail', `update audit_events set details = '{"reason":"none"}' where id = $1`, 2],
    ['the actor', `update audit_events set actor = 'user:eve' where id = $1`, 2],
    ['the time', `update audit_events set at = at + interval '1 microsecond' where id = $1`, 2],
    ['a hash', `update audit_seals set hash = repeat('0', 64) where event_id = $1`, 2],
    ['a missing row', `delete from audit_seals where event_id = $1`, 2],
  ];

  test.each(alterations)('%s', async (_, sql, broken) => {
    const { pool } = database;
    await insertAudit(pool, [event(), event({ actor: 'user:bob' }), event()]);
    await sealBatch(pool, 100);
    const id = (await chainOf('default'))[1]?.id;
    // Without this the insert-only triggers refuse it, even to the owner of the tables.
    await expect(pool.query(sql, [id])).rejects.toThrow('insert-only');
    await inTransaction(pool, async (db) => {
      await db.query('alter table audit_events disable trigger user');
      await db.query('alter table audit_seals disable trigger user');
      await db.query(sql, [id]);
    });

    expect(verifyChain(await chainOf('default'), GENESIS, sha256)).toEqual({
      ok: false,
      rows: 1,
      firstBroken: broken,
    });
  });
});
