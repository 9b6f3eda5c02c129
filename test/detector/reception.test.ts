import { createReception } from '../../detector/reception';
import { loadReceivingSince, markApiStarted } from '../../storage/control-plane';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

test('after a break of the collector silence counts anew, for the detector and for the workers', async () => {
  let now = 1_000_000;
  await markApiStarted(database.pool, now);
  const reception = createReception({ pool: database.pool, now: () => now });
  now += 60_000;
  await reception.isWorking();
  expect(reception.receivingSince()).toBe(1_000_000);
  reception.isBroken();
  now += 180_000;
  reception.isBroken();
  await reception.isWorking();
  expect(reception.receivingSince()).toBe(now);
  expect(await loadReceivingSince(database.pool)).toBe(now);
});

test('a break that clients bridge by sending again is none', async () => {
  let now = 1_000_000;
  const reception = createReception({ pool: database.pool, now: () => now });
  reception.isBroken();
  now += 4999;
  await reception.isWorking();
  expect(reception.receivingSince()).toBe(1_000_000);
});
