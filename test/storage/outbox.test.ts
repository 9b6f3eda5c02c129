import {
  enqueue,
  enqueueAll,
  loadDue,
  messageId,
  OUTBOX_PRIORITY,
  postpone,
  settle,
  type OutboxMessage,
} from '../../storage/outbox';
import { inTransaction } from '../../storage/database';
import { listen } from '../../storage/listen';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { waitFor } from '../support/wait';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const message = (changes: Partial<OutboxMessage> = {}): OutboxMessage => ({
  workflowId: 'resource/default/web',
  kind: 'verdictsChanged',
  action: '',
  payload: { version: 1 },
  starts: false,
  priority: OUTBOX_PRIORITY.pending,
  correlationId: null,
  ...changes,
});

const due = (inFlight: readonly string[] = [], limit = 10) =>
  loadDue(database.pool, { limit, inFlight });

test('a second message of the same key replaces the payload and keeps the greater urgency', async () => {
  await enqueue(database.pool, message({ starts: true }));
  const [first] = await due();
  await enqueue(
    database.pool,
    message({ payload: { version: 2 }, priority: OUTBOX_PRIORITY.firing, correlationId: 'c-2' }),
  );
  const rows = await due();
  expect(rows).toMatchObject([
    {
      payload: { version: 2 },
      starts: true,
      priority: OUTBOX_PRIORITY.firing,
      correlationId: 'c-2',
    },
  ]);
  expect(rows[0]?.change).toBeGreaterThan(first?.change ?? Infinity);
});

test('the most urgent message comes first, then the one that waits longest', async () => {
  const wanted: [string, number][] = [
    ['b', OUTBOX_PRIORITY.pending],
    ['a', OUTBOX_PRIORITY.pending],
    ['c', OUTBOX_PRIORITY.fact],
    ['d', OUTBOX_PRIORITY.firing],
  ];
  for (const [workflowId, priority] of wanted) {
    await enqueue(database.pool, message({ workflowId, priority }));
  }
  expect((await due()).map(({ workflowId }) => workflowId)).toEqual(['d', 'c', 'b', 'a']);
  expect((await due([], 2)).map(({ workflowId }) => workflowId)).toEqual(['d', 'c']);
});

test('what is in flight is not read again', async () => {
  await enqueueAll(database.pool, [message({ action: 'a' }), message({ action: 'b' })]);
  const [first] = await due();
  if (first === undefined) throw new Error('nothing is due');
  expect(await due([messageId(first)])).toMatchObject([{ action: 'b' }]);
});

test('a message that was overwritten while it was sent stays', async () => {
  await enqueue(database.pool, message());
  const [sent] = await due();
  await enqueue(database.pool, message({ payload: { version: 2 } }));
  if (sent === undefined) throw new Error('nothing is due');
  await settle(database.pool, sent);
  const [left] = await due();
  expect(left?.payload).toEqual({ version: 2 });
  if (left === undefined) throw new Error('nothing is due');
  await settle(database.pool, left);
  expect(await due()).toEqual([]);
});

test('a postponed message waits, and news make it due at once', async () => {
  await enqueue(database.pool, message());
  const [failed] = await due();
  if (failed === undefined) throw new Error('nothing is due');
  await postpone(database.pool, failed, 60_000);
  expect(await due()).toEqual([]);
  await enqueue(database.pool, message({ payload: { version: 2 } }));
  expect(await due()).toMatchObject([{ attempts: 0, payload: { version: 2 } }]);
});

test('a message is due again after its delay', async () => {
  await enqueue(database.pool, message());
  const [failed] = await due();
  if (failed === undefined) throw new Error('nothing is due');
  await postpone(database.pool, failed, 50);
  expect(await waitFor('it is due', async () => (await due())[0])).toMatchObject({ attempts: 1 });
});

test('the dispatcher hears of messages when they are committed, and of none that is rolled back', async () => {
  let heard = 0;
  let isListening = false;
  const listener = listen(database.pool, {
    channels: ['vigil_outbox'],
    onNotify: () => (heard += 1),
    onListening: () => (isListening = true),
  });
  try {
    await waitFor('listening', () => isListening);
    await inTransaction(database.pool, async (db) => {
      await enqueue(db, message());
      throw new Error('no');
    }).catch(() => undefined);
    await inTransaction(database.pool, async (db) => {
      await enqueueAll(db, [message({ action: 'a' }), message({ action: 'b' })]);
      expect(heard).toBe(0);
    });
    await waitFor('it is heard', () => heard === 1);
    expect(await due()).toHaveLength(2);
  } finally {
    await listener.close();
  }
});
