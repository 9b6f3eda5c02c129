import { pino } from 'pino';
import { startSealer } from '../../api/sealer';
import type { AuditEvent } from '../../domain/audit';
import { insertAudit } from '../../storage/audit';
import { createPool, query } from '../../storage/database';
import { GENESIS, verifyChain } from '../../domain/audit-chain';
import { sha256 } from '../../platform/sha256';
import { loadChain, newestSeal } from '../../storage/seals';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { waitFor } from '../support/wait';

let database: TestDatabase;
const logger = pino({ level: 'silent' });

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await database.drop();
});

const ROW: AuditEvent = {
  namespace: 'default',
  resource: null,
  policy: null,
  actionId: null,
  step: -1,
  event: 'paused',
  actor: 'anonymous',
  door: 'api',
  correlationId: null,
  policyRevision: null,
  details: {},
};

test('rows are sealed as they come, also those that waited before the sealer started', async () => {
  const { pool } = database;
  await insertAudit(pool, [ROW, ROW]);
  const sealer = startSealer({ pool, logger });
  await waitFor('the rows that waited', async () => (await newestSeal(pool)) === 2);
  await insertAudit(pool, [ROW]);
  await waitFor('the row that came', async () => (await newestSeal(pool)) === 3);
  await sealer.close();
});

test('a row is announced soon after its commit, without waiting for the poll', async () => {
  const { pool } = database;
  const sealer = startSealer({ pool, logger, pollMs: 3_600_000 });
  for (let seal = 1; seal <= 5; seal += 1) {
    await insertAudit(pool, [ROW]);
    await waitFor('the seal', async () => (await newestSeal(pool)) === seal);
  }
  await sealer.close();
});

test('two sealers share the work and make one chain; with one gone the other goes on', async () => {
  const { pool } = database;
  const first = startSealer({ pool, logger });
  const second = startSealer({ pool, logger });
  for (let i = 0; i < 20; i += 1) await insertAudit(pool, [ROW]);
  await first.close();
  for (let i = 0; i < 5; i += 1) await insertAudit(pool, [ROW]);
  await waitFor('all seals', async () => (await newestSeal(pool)) === 25);
  await second.close();
  const chain = await loadChain(pool, 'default', { after: 0, limit: 100 });
  expect(verifyChain(chain, GENESIS, sha256)).toMatchObject({ ok: true, rows: 25 });
});

test('it goes on after its connections were cut', async () => {
  const own = createPool({ url: database.url, poolSize: 2, name: 'sealer-test' });
  own.on('error', () => undefined);
  const sealer = startSealer({ pool: own, logger });
  await insertAudit(database.pool, [ROW]);
  await waitFor('the first seal', async () => (await newestSeal(database.pool)) === 1);
  await query(
    database.pool,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'vigil-sealer-test'`,
  );
  await insertAudit(database.pool, [ROW]);
  await waitFor('the second seal', async () => (await newestSeal(database.pool)) === 2);
  await sealer.close();
  await own.end();
});
