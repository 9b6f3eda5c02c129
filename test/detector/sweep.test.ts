import { inTransaction } from '../../storage/database';
import { lockVerdicts } from '../../storage/verdicts';
import { waitFor } from '../support/wait';
import { policy, service } from '../support/manifest-objects';
import { condition, createHarness, type Harness } from './harness';

let h: Harness;
beforeEach(async () => {
  h = await createHarness();
  await h.apply([
    service('web', { sync: { mode: 'detect', cooldownMs: 0 } }),
    policy('failing', { condition: condition('errors > 5') }),
  ]);
});
afterEach(() => h.close());

const errors = (value: number) => h.ingest([{ resource: 'web', name: 'errors', value }]);
const workflow = () => h.client.workflow.getHandle('resource/default/web');
const signals = () => h.signals('default/web').catch(() => []);
/** Not while a sweep is sending again: it has read what was handled before. */
const handled = () =>
  inTransaction(h.database.pool, async (db) => {
    await lockVerdicts(db);
    await db.query('update deliveries set handled_version = sent_version, sent_at = now()');
  });

test('a workflow that was terminated while its verdict is true is started again with the full set', async () => {
  await h.start({ sweepMs: 300 });
  await errors(9);
  const [first] = await waitFor('the signal arrives', async () => {
    const sent = await signals();
    return sent.length > 0 && sent;
  });
  const { runId } = await workflow().describe();
  await workflow().terminate();
  await waitFor('a new run', async () => (await workflow().describe()).runId !== runId);
  const [second] = await signals();
  expect(second?.verdicts).toEqual(first?.verdicts);
  expect(second?.version).toBeGreaterThan(first?.version ?? Infinity);
});

test('a workflow that was terminated after its verdict cleared stays down', async () => {
  const first = await h.start({ sweepMs: 60_000 });
  await errors(9);
  await h.verdictIs('default/web', 'true');
  await errors(1);
  await h.verdictIs('default/web', 'false');
  await waitFor('everything is sent', async () => (await h.outbox()).length === 0);
  await first.stop();
  await handled();
  await workflow().terminate();
  await h.start({ sweepMs: 100 });
  // Another resource's workflow is started by a sweep: so one has passed.
  await h.rows(
    `insert into requests (action_id, resource, generation, episode, attempt, target, severity,
       since, policy_revision, plan, state, waiter)
     values (gen_random_uuid(), 'default/db', 1, 1, 1, 'default/db', 'warning', now(), 1, '{}', 'open',
       'resource/default/db')`,
  );
  await waitFor('the other one', () => h.signals('default/db').catch(() => null));
  expect((await workflow().describe()).status.name).toBe('TERMINATED');
});

test('what was sent and never handled is sent again with its version, until it is handled', async () => {
  await h.start({ sweepMs: 200 });
  await errors(9);
  const sent = await waitFor('three signals', async () => {
    const found = await signals();
    return found.length >= 3 && found;
  });
  expect(new Set(sent.map(({ version }) => version)).size).toBe(1);
  await handled();
  await waitFor('the outbox is empty', async () => (await h.outbox()).length === 0);
  const { length } = await signals();
  // The next sweeps read the table again: a row that vanishes behind the detector's back comes back.
  await h.rows('delete from verdicts');
  await h.verdictIs('default/web', 'true');
  await waitFor('it is sent anew', async () => {
    const versions = (await signals()).map(({ version }) => version);
    return new Set(versions).size === 2 && versions.length === length + 1;
  });
});
