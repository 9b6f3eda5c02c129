import { query } from '../../storage/database';
import { migrate } from '../../storage/migrate';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('migrations that have run are not run again', async () => {
  expect(await migrate(database.pool)).toEqual([]);
});

test('audit rows cannot be changed, removed or truncated', async () => {
  await query(
    database.pool,
    `insert into audit_events (namespace, step, event, actor, door, details) values ('default', -1, 'paused', 'vigil', 'api', '{}')`,
  );
  for (const sql of [
    'update audit_events set actor = $$x$$',
    'delete from audit_events',
    'truncate audit_events cascade',
  ]) {
    await expect(query(database.pool, sql)).rejects.toThrow('insert-only');
  }
});
