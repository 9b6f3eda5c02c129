import { admit } from '../../storage/admission';
import { inTransaction, query } from '../../storage/database';
import { beginStep, type JournalKey } from '../../storage/journal';
import { closeRequest, findRequest } from '../../storage/requests';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { ask } from '../support/requests';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const SNAPSHOT = { identity: 'before', takenAt: 0 };

async function holder(): Promise<JournalKey> {
  const actionId = await ask(database.pool, { target: 'default/web' });
  await admit(database.pool);
  const request = await findRequest(database.pool, actionId);
  return { actionId, step: 0, target: 'default/web', token: request?.token ?? 0 };
}

test('a step whose slot was released is not begun, although nobody obeyed a higher token', async () => {
  const { pool } = database;
  const key = await holder();
  expect(await beginStep(pool, key, SNAPSHOT)).toEqual({ kind: 'fresh' });
  await inTransaction(pool, (db) =>
    closeRequest(db, key.actionId, { outcome: 'failed', reason: 'another attempt failed' }),
  );
  expect(await beginStep(pool, key, SNAPSHOT)).toEqual({ kind: 'stale', highest: key.token });
});

test('an attempt that begins late keeps the reaper away for as long as it may take', async () => {
  const { pool } = database;
  const key = await holder();
  const longAgo = `update slots set begun_at = now() - interval '1 hour' where action_id = $1`;
  await query(pool, longAgo, [key.actionId]);
  await beginStep(pool, key, SNAPSHOT);
  const request = await findRequest(pool, key.actionId);
  expect(Date.now() - (request?.begun_at ?? 0)).toBeLessThan(60_000);
});
