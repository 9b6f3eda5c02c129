import { createDatabaseJournal } from '../../storage/journal';
import { admit } from '../../storage/admission';
import { createPool, inTransaction, query } from '../../storage/database';
import { closeRequest, findRequest } from '../../storage/requests';
import type { Journal, JournalKey } from '../../domain/action/journal';
import { describeJournal } from '../activities/journal/contract';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { ask } from '../support/requests';

let database: TestDatabase;
const pools: { end: () => Promise<void> }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

describe('the journal in PostgreSQL', () => {
  beforeAll(() => query(database.pool, 'alter table slots drop constraint slots_action_id_fkey'));
  describeJournal(() => ({
    journal: holdingSlots(createDatabaseJournal(database.pool)),
    reopen() {
      const pool = createPool({ url: database.url, poolSize: 2, name: 'reopened' });
      pools.push(pool);
      return Promise.resolve(holdingSlots(createDatabaseJournal(pool)));
    },
  }));
});

/** The suite knows journals alone: here whoever begins holds the slot of its token, as admission grants it. */
function holdingSlots(journal: Journal): Journal {
  return {
    ...journal,
    async begin(key, snapshot) {
      await query(
        database.pool,
        `insert into slots (action_id, target, token) values ($1, $2, $3)
         on conflict (target) do update set action_id = excluded.action_id, token = excluded.token`,
        [key.actionId, key.target, key.token],
      );
      return journal.begin(key, snapshot);
    },
  };
}

const SNAPSHOT = { identity: 'before', takenAt: 0 };

async function holder(target: string): Promise<JournalKey> {
  const actionId = await ask(database.pool, { target, policy: null, maxConcurrent: null });
  await admit(database.pool);
  const request = await findRequest(database.pool, actionId);
  return { actionId, step: 0, target, token: request?.token ?? 0 };
}

test('a step whose slot was released is not begun, although nobody obeyed a higher token', async () => {
  const { pool } = database;
  const journal = createDatabaseJournal(pool);
  const key = await holder('default/released');
  expect(await journal.begin(key, SNAPSHOT)).toEqual({ kind: 'fresh' });
  await inTransaction(pool, (db) =>
    closeRequest(db, key.actionId, { outcome: 'failed', reason: 'another attempt failed' }),
  );
  expect(await journal.begin(key, SNAPSHOT)).toEqual({ kind: 'stale', highest: key.token });
});

test('an attempt that begins late keeps the reaper away for as long as it may take', async () => {
  const { pool } = database;
  const key = await holder('default/late');
  const longAgo = `update slots set begun_at = now() - interval '1 hour' where action_id = $1`;
  await query(pool, longAgo, [key.actionId]);
  await createDatabaseJournal(pool).begin(key, SNAPSHOT);
  const request = await findRequest(pool, key.actionId);
  expect(Date.now() - (request?.begun_at ?? 0)).toBeLessThan(60_000);
});
