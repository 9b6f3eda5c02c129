import { inTransaction, query } from '../../storage/database';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('a transaction whose connection is ended between two queries fails, and the pool goes on', async () => {
  const cut = inTransaction(database.pool, async (db) => {
    const [own] = await query<{ pid: number }>(db, 'select pg_backend_pid() as pid');
    const ended = new Promise((resolve) => db.once('end', resolve));
    await query(database.pool, 'select pg_terminate_backend($1)', [own?.pid]);
    await ended;
    await query(db, 'select 1');
  });
  await expect(cut).rejects.toThrow();
  expect(await query(database.pool, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('an error in a transaction undoes what it wrote', async () => {
  const failing = inTransaction(database.pool, async (db) => {
    await query(db, `insert into pauses (scope, reason, actor) values ('*', 'x', 'vigil')`);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await query(database.pool, 'select * from pauses')).toEqual([]);
});
