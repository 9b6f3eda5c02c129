import { RESOURCE_WORKFLOW, type VerdictsChanged } from '../../workflows/contract';
import { inTransaction } from '../../storage/database';
import { enqueue, OUTBOX_PRIORITY, type OutboxMessage } from '../../storage/outbox';
import { waitFor } from '../support/wait';
import { createHarness, type Harness } from './harness';

let h: Harness;
beforeEach(async () => {
  h = await createHarness();
});
afterEach(() => h.close());

const payload = (version: number): VerdictsChanged => ({
  version,
  verdicts: [],
  correlationId: null,
});

function post(resource: string, changes: Partial<OutboxMessage> = {}): Promise<void> {
  return inTransaction(h.database.pool, (db) =>
    enqueue(db, {
      workflowId: `resource/${resource}`,
      kind: 'verdictsChanged',
      action: '',
      payload: payload(1),
      starts: true,
      priority: OUTBOX_PRIORITY.firing,
      correlationId: null,
      ...changes,
    }),
  );
}

const pending = () =>
  h.rows<{ workflow_id: string; attempts: number; change: number }>(
    'select workflow_id, attempts, change from outbox order by workflow_id',
  );
const emptied = () => waitFor('the outbox is empty', async () => (await pending()).length === 0);
const start = (workflowId: string) =>
  h.client.workflow.start(RESOURCE_WORKFLOW, { workflowId, taskQueue: 'nobody' });

test('a message that may start its workflow starts it, named after the resource', async () => {
  await h.start();
  await post('default/web');
  await emptied();
  const { events } = await h.client.workflow.getHandle('resource/default/web').fetchHistory();
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  expect(JSON.parse(Buffer.from(input ?? []).toString())).toEqual({ resource: 'default/web' });
  expect(await h.signals('default/web')).toEqual([payload(1)]);
});

test('a message for running workflows only is dropped when there is none', async () => {
  await start('resource/default/running');
  await h.start();
  await post('default/absent', { starts: false });
  await post('default/running', { starts: false });
  await emptied();
  expect(await h.signals('default/running')).toEqual([payload(1)]);
  await expect(h.signals('default/absent')).rejects.toThrow('not found');
});

test('a closed action is never started by what it is told', async () => {
  const handle = await start('action/8b3e');
  await handle.terminate();
  await h.start();
  await post('', { workflowId: 'action/8b3e', kind: 'slotGranted' });
  await emptied();
  expect((await handle.describe()).status.name).toBe('TERMINATED');
});

test('a message overwritten while Temporal was away is sent once, with the newest payload', async () => {
  const dying = await h.start({ temporal: h.nowhere });
  await post('default/web');
  await post('default/web', { payload: payload(2) });
  await dying.stop();
  await h.start();
  await emptied();
  expect(await h.signals('default/web')).toEqual([payload(2)]);
});

test('what Temporal does not take stays until it does', async () => {
  const dying = await h.start({ temporal: h.nowhere });
  await post('default/web');
  await waitFor('a try', async () => ((await pending())[0]?.attempts ?? 0) >= 1);
  await dying.stop();
  await h.start();
  await emptied();
  expect(await h.signals('default/web')).toEqual([payload(1)]);
});

test('facts of different actions do not replace each other', async () => {
  await start('resource/default/web');
  for (const action of ['a', 'b']) await post('default/web', { action, payload: payload(7) });
  await h.start();
  await emptied();
  expect(await h.signals('default/web')).toHaveLength(2);
});

test('only one of two detectors dispatches, and the other takes over', async () => {
  const first = await h.start({ temporal: h.nowhere });
  await waitFor('the first one leads', async () => {
    const [row] = await h.rows<{ n: number }>(
      `select count(*) as n from pg_locks where database = (select oid from pg_database where datname = current_database())
         and locktype = 'advisory' and objid = 7846122 and granted`,
    );
    return row?.n === 1;
  });
  await h.start();
  await post('default/web');
  await waitFor('the first one has tried', async () => ((await pending())[0]?.attempts ?? 0) >= 1);
  await first.stop();
  await emptied();
  expect(await h.signals('default/web')).toEqual([payload(1)]);
});

test('more messages than may be in flight all arrive', async () => {
  const resources = Array.from({ length: 100 }, (_, i) => `default/many-${i}`);
  for (const resource of resources) await post(resource);
  await h.start();
  await emptied();
  const sent = await Promise.all(resources.map((resource) => h.signals(resource)));
  expect(sent.every((signals) => signals.length === 1)).toBe(true);
});
