import { query } from '../../../storage/database';
import { showChannels } from '../../../storage/notice-sweep';
import { routeNotices } from '../../../storage/notice-routing';
import { insertNotice } from '../../../storage/notices';
import { register } from '../../../cli/commands/notices';
import { runCli } from '../../cli/support';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { startHttpReceiver } from '../../support/http-receiver';
import { notice } from '../../support/notices';
import { startTestNotifier } from '../../support/notifier';
import { waitFor } from '../../support/wait';

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
});
afterEach(async () => {
  await api.close();
  await database.drop();
});

interface Listed {
  items: {
    id: number;
    title: string;
    isOpen: boolean;
    isResolved: boolean;
    deliveries: { channel: string; state: string; error: string | null; dueAt: string | null }[];
  }[];
  nextCursor: string | null;
}
const list = async (search = ''): Promise<Listed> =>
  (await api.app.inject(`/api/v1/notices${search}`)).json<Listed>();

test('notices are listed newest first, page by page, by kind and by whether they stand', async () => {
  await insertNotice(database.pool, notice({ key: 'a', title: 'one' }));
  await insertNotice(database.pool, notice({ key: 'b', title: 'two', kind: 'drift' }));
  await insertNotice(database.pool, notice({ key: 'a', title: 'end', isResolved: true }));
  await routeNotices(database.pool, () => []);

  const titles = ({ items }: Listed): string[] => items.map(({ title }) => title);
  expect(titles(await list())).toEqual(['end', 'two', 'one']);
  const first = await list('?limit=2');
  expect(titles(first)).toEqual(['end', 'two']);
  expect(titles(await list(`?limit=2&cursor=${first.nextCursor ?? ''}`))).toEqual(['one']);
  expect(titles(await list('?kind=drift'))).toEqual(['two']);
  expect(titles(await list('?open=true'))).toEqual(['two']);
  expect(titles(await list('?open=false'))).toEqual(['end', 'one']);
  expect((await api.app.inject('/api/v1/notices?kind=nonsense')).statusCode).toBe(422);
  expect((await api.app.inject('/api/v1/notices/999')).statusCode).toBe(404);
});

test('a delivery shows when it is tried next and why it failed', async () => {
  await insertNotice(database.pool, notice());
  await routeNotices(database.pool, () => [
    { channel: 'ops', groupKey: '', waitMs: 60_000, repeatMs: null },
  ]);
  await query(database.pool, `update notice_deliveries set error = 'the receiver answered 500'`);
  const [{ deliveries } = { deliveries: [] }] = (await list()).items;
  expect(deliveries).toMatchObject([
    { channel: 'ops', state: 'waiting', error: 'the receiver answered 500' },
  ]);
  expect(Date.parse(deliveries[0]?.dueAt ?? '')).toBeGreaterThan(Date.now());
});

test('a test of a channel that no worker has is refused with those there are', async () => {
  await showChannels(database.pool, [{ name: 'ops', type: 'json' }]);
  const answer = await api.app.inject({
    method: 'POST',
    url: '/api/v1/notices/test',
    payload: { channel: 'opps' },
  });
  expect(answer.statusCode).toBe(404);
  expect(answer.json<{ detail: string }>().detail).toContain('known: ops');
  expect((await list()).items).toEqual([]);
});

describe('the command', () => {
  test('tries a channel, and says why it does not work', async () => {
    const receiver = await startHttpReceiver();
    const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const notifier = startTestNotifier(database.pool, {
      channels: { ops: { type: 'json', url: receiver.url } },
    });
    await waitFor('the channel to be shown', async () => {
      const rows = await query(database.pool, 'select 1 from notice_channels');
      return rows.length === 1;
    });
    const good = await runCli(register, ['notices', 'test', 'ops', '--api', url]);
    expect(good).toMatchObject({ error: null, out: 'ops took it: look whether it arrived\n' });
    expect(receiver.taken).toHaveLength(1);

    receiver.mood = 'refuses';
    const bad = await runCli(register, ['notices', 'test', 'ops', '--api', url]);
    expect(String(bad.error)).toContain('ops did not take it: the receiver answered 500');

    const { out } = await runCli(register, ['notices', '--api', url]);
    expect(out).toContain('a test of channel ops');
    expect(out).toMatch(/ops \(waiting.*answered 500/);
    await notifier.stop();
    await receiver.close();
    const audited = await query(
      database.pool,
      `select details from audit_events where event = 'notified'`,
    );
    expect(audited).toEqual([
      { details: { kind: 'test', channel: 'ops' } },
      { details: { kind: 'test', channel: 'ops' } },
    ]);
  });
});
