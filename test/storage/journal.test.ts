import { createDatabaseJournal } from '../../storage/journal';
import { createPool } from '../../storage/database';
import { describeJournal } from '../activities/journal/contract';
import { createTestDatabase, type TestDatabase } from '../support/database';

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
  describeJournal(() => ({
    journal: createDatabaseJournal(database.pool),
    reopen() {
      const pool = createPool({ url: database.url, poolSize: 2, name: 'reopened' });
      pools.push(pool);
      return Promise.resolve(createDatabaseJournal(pool));
    },
  }));
});
