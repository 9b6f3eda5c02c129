import { Registry } from 'prom-client';
import type { Notice } from '../../domain/notice';
import { query } from '../../storage/database';
import { claimMessage } from '../../storage/notice-deliveries';
import { insertNotice } from '../../storage/notices';
import type { Notifier, NotifierOptions } from '../../workers/notify';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { startHttpReceiver, type HttpReceiver } from '../support/http-receiver';
import { notice } from '../support/notices';
import { startTestNotifier } from '../support/notifier';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let ops: HttpReceiver;
let dev: HttpReceiver;
let running: Notifier[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  ops = await startHttpReceiver();
  dev = await startHttpReceiver();
});
afterEach(async () => {
  await Promise.all(running.map((notifier) => notifier.stop()));
  running = [];
  await Promise.all([ops.close(), dev.close()]);
  await database.drop();
});

const json = (receiver: HttpReceiver, changes: Record<string, unknown> = {}) => ({
  ...{ type: 'json', url: receiver.url, timeout: '30s', perMinute: 1000 },
  ...changes,
});
/** Each incident in a message of its own, at once. */
const APART = { groupBy: ['resource'], wait: 0 };

function start(given: Record<string, unknown>, options: Partial<NotifierOptions> = {}): void {
  running.push(startTestNotifier(database.pool, given, options));
}
/** Both channels tell everything. */
function startBoth(changes: Record<string, unknown> = {}): void {
  start({
    channels: { ops: json(ops), dev: json(dev) },
    routes: [{ channels: ['ops', 'dev'], ...APART }],
    ...changes,
  });
}

const tell = (changes: Partial<Notice> = {}) => insertNotice(database.pool, notice(changes));

interface Said {
  notices: { key: string; status: string; title: string; isReminder: boolean }[];
}
/** `key status` of all that a receiver was told, in order. */
const said = (receiver: HttpReceiver): string[] =>
  receiver.taken.flatMap(({ body }) =>
    (body as Said).notices.map(({ key, status }) => `${key} ${status}`),
  );
const deliveries = (state: string) =>
  query<{ channel: string; error: string | null; key: string; attempts: number }>(
    database.pool,
    `select d.channel, d.error, n.key, d.attempts from notice_deliveries d
       join notices n on n.id = d.notice_id where d.state = $1 order by n.id, d.channel`,
    [state],
  );
/** As if that time had passed. */
const pass = (interval: string) =>
  database.pool.query(
    `with aged as (update notices set created_at = created_at - $1::interval)
     update notice_deliveries set due_at = due_at - $1::interval`,
    [interval],
  );
/** Everything there is to tell was told or dropped. */
const settled = () =>
  waitFor('all notices to be told', async () => {
    const [row] = await query<{ left: number }>(
      database.pool,
      `select (select count(*) from notices where state = 'new')
            + (select count(*) from notice_deliveries where state = 'waiting') as left`,
    );
    return row?.left === 0;
  });

test('an incident is told once, and its end to whoever told its beginning', async () => {
  startBoth();
  await tell({ key: 'a' });
  await settled();
  await tell({ key: 'a' });
  await tell({ key: 'a', isResolved: true });
  await settled();
  await tell({ key: 'a', isResolved: true });
  await tell({ key: 'a' });
  await settled();
  const expected = ['a open', 'a resolved', 'a open'];
  expect(said(ops)).toEqual(expected);
  expect(said(dev)).toEqual(expected);
});

test('a notice is told at once, not at the next poll', async () => {
  start(
    { channels: { ops: json(ops) }, routes: [{ channels: ['ops'], ...APART }] },
    { pollMs: 600_000, sweepMs: 600_000 },
  );
  await waitFor('somebody to listen', async () => {
    const listening = await query(
      database.pool,
      `select 1 from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
    );
    return listening.length > 0;
  });
  await tell({ key: 'a' });
  await waitFor('the notice', () => ops.taken.length === 1);
});

test('a notice whose transaction rolls back is never told', async () => {
  startBoth();
  const client = await database.pool.connect();
  await client.query('begin');
  await insertNotice(client, notice({ key: 'undone' }));
  await client.query('rollback');
  client.release();
  await tell({ key: 'done' });
  await settled();
  expect(said(ops)).toEqual(['done open']);
});

test('what comes together and is alike goes out in one message, the worst first', async () => {
  start({
    channels: { ops: json(ops) },
    routes: [{ channels: ['ops'], groupBy: ['namespace'], wait: '1h' }],
  });
  await tell({ key: 'a', severity: 'info' });
  await tell({ key: 'b', severity: 'critical' });
  await tell({ key: 'c', namespace: 'other' });
  await waitFor('all of them to wait', async () => (await deliveries('waiting')).length === 3);
  await pass('1 hour');
  await settled();
  expect(ops.taken.map(({ body }) => (body as Said).notices.map(({ key }) => key))).toEqual(
    expect.arrayContaining([['b', 'a'], ['c']]),
  );
  expect(ops.taken).toHaveLength(2);
});

test('routes choose by what a notice is', async () => {
  start({
    channels: { ops: json(ops), dev: json(dev) },
    routes: [
      { match: { severity: 'critical' }, channels: ['ops'], ...APART },
      {
        match: { kind: ['breaker_open', 'drift'], namespace: 'dev-*' },
        channels: ['dev'],
        ...APART,
      },
    ],
  });
  await tell({ key: 'a', severity: 'critical' });
  await tell({ key: 'b', namespace: 'dev-1' });
  await tell({ key: 'c', namespace: 'dev-1', kind: 'demoted' });
  await settled();
  expect(said(ops)).toEqual(['a open']);
  expect(said(dev)).toEqual(['b open']);
});

test('over the rate, the last message of the minute takes the rest and nothing is lost', async () => {
  for (let n = 0; n < 16; n++) await tell({ key: `k${n}`, resource: `default/r${n}` });
  start({
    channels: { ops: json(ops, { perMinute: 3 }) },
    routes: [{ channels: ['ops'], ...APART }],
  });
  await settled();
  expect(ops.taken.map(({ body }) => (body as Said).notices.length)).toEqual([1, 1, 14]);
  expect(said(ops).sort()).toEqual(Array.from({ length: 16 }, (_, n) => `k${n} open`).sort());
});

test('what comes when the rate is used up waits', async () => {
  start({
    channels: { ops: json(ops, { perMinute: 1 }) },
    routes: [{ channels: ['ops'], ...APART }],
  });
  await tell({ key: 'a' });
  await settled();
  await tell({ key: 'b' });
  await waitFor('b to wait', async () => (await deliveries('waiting')).length === 1);
  // As if a minute had passed.
  await query(
    database.pool,
    `update notice_deliveries set attempted_at = attempted_at - interval '1 minute'`,
  );
  await settled();
  expect(said(ops)).toEqual(['a open', 'b open']);
});

test('a dead channel is tried again until it is back, and holds up no other', async () => {
  dev.mood = 'refuses';
  startBoth();
  await tell({ key: 'a' });
  await waitFor('ops to hear it', () => ops.taken.length === 1);
  await waitFor('dev to be tried again', () => dev.asked() >= 3);
  expect(await deliveries('waiting')).toMatchObject([
    { channel: 'dev', error: expect.stringContaining('answered 500') as string },
  ]);
  dev.mood = 'takes';
  await settled();
  expect(said(dev)).toEqual(['a open']);
  expect(said(ops)).toEqual(['a open']);
});

test('a channel that hangs holds up no other', async () => {
  dev.mood = 'hangs';
  start({
    channels: { ops: json(ops), dev: json(dev, { timeout: '1h' }) },
    routes: [{ channels: ['ops', 'dev'], ...APART }],
  });
  await tell({ key: 'a' });
  await waitFor('dev to be asked', () => dev.asked() === 1);
  await tell({ key: 'b', resource: 'default/db' });
  await waitFor('ops to hear both', () => ops.taken.length === 2);
  expect(dev.asked()).toBe(1);
});

test('what cannot be told for too long is given up, visibly', async () => {
  dev.mood = 'refuses';
  const registry = new Registry();
  start(
    {
      channels: { dev: json(dev) },
      routes: [{ channels: ['dev'], ...APART }],
      notices: { giveUpAfter: '1h' },
    },
    { registry },
  );
  await tell({ key: 'a' });
  await waitFor('a second try', () => dev.asked() > 1);
  expect(await deliveries('given_up')).toEqual([]);
  await pass('1 hour');
  await waitFor('it to be given up', async () => (await deliveries('given_up')).length === 1);
  expect(await deliveries('given_up')).toMatchObject([
    { key: 'a', error: expect.stringContaining('answered 500') as string },
  ]);
  await waitFor('its count', async () =>
    (await registry.metrics()).includes(
      'vigil_notices_sent_total{channel="dev",outcome="given_up"} 1',
    ),
  );
  const tries = dev.asked();
  // Nobody told the beginning, so nobody tells the end.
  dev.mood = 'takes';
  await tell({ key: 'a', isResolved: true });
  await settled();
  expect(dev.asked()).toBe(tries);
});

test('what is over before it could be told is told to nobody', async () => {
  dev.mood = 'refuses';
  await dev.close();
  start({ channels: { dev: json(dev) }, routes: [{ channels: ['dev'], ...APART }] });
  await tell({ key: 'a' });
  await waitFor('a try', async () => ((await deliveries('waiting'))[0]?.attempts ?? 0) > 0);
  await tell({ key: 'a', isResolved: true });
  await settled();
  expect(await deliveries('dropped')).toMatchObject([{ key: 'a' }]);
  expect(await deliveries('sent')).toEqual([]);
});

test('who may have heard of an incident without an answer hears of its end', async () => {
  dev.mood = 'hangs';
  const startWith = (timeout: string): void => {
    start({ channels: { dev: json(dev, { timeout }) }, routes: [{ channels: ['dev'], ...APART }] });
  };
  startWith('300ms');
  await tell({ key: 'a' });
  await waitFor('a try', async () => {
    const [delivery] = await deliveries('waiting');
    return (delivery?.error ?? null) !== null && dev.asked() > 0;
  });
  await tell({ key: 'a', isResolved: true });
  await waitFor('the end', async () => (await deliveries('dropped')).length === 1);
  await running.pop()?.stop();
  dev.mood = 'takes';
  // A receiver that does answer is not given up, however busy the machine is.
  startWith('30s');
  await settled();
  expect(said(dev)).toEqual(['a resolved']);
});

test('several workers share the work without telling anything twice', async () => {
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
  for (let worker = 0; worker < 4; worker++) startBoth();
  await Promise.all(keys.map((key) => tell({ key, resource: `default/${key}` })));
  await settled();
  await Promise.all(keys.map((key) => tell({ key, resource: `default/${key}`, isResolved: true })));
  await settled();
  const expected = keys.flatMap((key) => [`${key} open`, `${key} resolved`]).sort();
  expect(said(ops).sort()).toEqual(expected);
  expect(said(dev).sort()).toEqual(expected);
});

test('what a worker was at when it died is told by another once its lease ends', async () => {
  await tell({ key: 'a' });
  dev.mood = 'hangs';
  const dying = startTestNotifier(database.pool, {
    channels: { ops: json(ops, { url: dev.url, timeout: '1h' }) },
    routes: [{ channels: ['ops'], ...APART }],
  });
  await waitFor('the worker to be at it', () => dev.asked() === 1);
  // Its lease is of an hour and more; as if that had passed.
  const claimed = { channel: 'ops', perMinute: 1000, largest: 10, leaseMs: 1000 };
  expect(await claimMessage(database.pool, claimed)).toBeNull();
  await query(database.pool, 'update notice_deliveries set leased_until = clock_timestamp()');
  start({ channels: { ops: json(ops) }, routes: [{ channels: ['ops'], ...APART }] });
  await settled();
  expect(said(ops)).toEqual(['a open']);
  await dying.stop();
  expect(await deliveries('sent')).toMatchObject([{ key: 'a', error: null }]);
});

test('an incident that stands is told again where its route says so, until it ends', async () => {
  start({
    channels: { ops: json(ops) },
    routes: [{ channels: ['ops'], ...APART, repeat: '200ms' }],
  });
  await tell({ key: 'a' });
  await waitFor('two reminders', () => ops.taken.length >= 3);
  await tell({ key: 'a', isResolved: true });
  await settled();
  const flags = ops.taken.flatMap(({ body }) =>
    (body as Said).notices.map(({ status, isReminder }) => `${status} ${String(isReminder)}`),
  );
  expect(flags.slice(0, 3)).toEqual(['open false', 'open true', 'open true']);
  expect(flags.at(-1)).toBe('resolved false');
  expect(flags.filter((flag) => flag.startsWith('resolved'))).toHaveLength(1);
  const ids = ops.taken.map(({ body }) => (body as { id: string }).id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('Alertmanager is told each minute of what stands, since it would forget it', async () => {
  start({
    channels: { am: { type: 'alertmanager', url: ops.url } },
    routes: [{ channels: ['am'], wait: 0 }],
  });
  await tell({ key: 'a' });
  await settled();
  const age = (seconds: number) =>
    query(
      database.pool,
      `update notice_deliveries set sent_at = sent_at - make_interval(secs => $1)`,
      [seconds],
    );
  await age(30);
  await tell({ key: 'b' });
  await settled();
  expect(ops.taken).toHaveLength(2);
  await age(31);
  await waitFor('a to be told again', () => ops.taken.length === 3);
  const [alerts = []] = ops.taken
    .slice(2)
    .map(({ body }) => body as { labels: { incident: string } }[]);
  expect(alerts.map(({ labels }) => labels.incident)).toEqual(['a']);
});

test('a notice for one channel goes there alone; one for an unknown channel is told by the routes and shown', async () => {
  start({
    channels: { ops: json(ops), dev: json(dev) },
    routes: [{ channels: ['ops'], ...APART }],
  });
  await tell({ key: 'a', channel: 'dev' });
  await tell({ key: 'b', channel: 'gone' });
  await settled();
  expect(said(dev)).toEqual(['a open']);
  expect(said(ops)).toEqual(['b open']);
  expect(await deliveries('given_up')).toMatchObject([
    { channel: 'gone', key: 'b', error: 'no channel of this name is configured' },
  ]);
});

test('without any channel notices are kept and told to nobody', async () => {
  start({});
  await tell({ key: 'a' });
  await settled();
  expect(await query(database.pool, 'select state from notices')).toEqual([{ state: 'open' }]);
});

test('old notices are dropped once their incident is over', async () => {
  startBoth({ notices: { retention: '1h' } });
  await tell({ key: 'over' });
  await tell({ key: 'stands' });
  await tell({ key: 'over', isResolved: true });
  await settled();
  await query(database.pool, `update notices set created_at = created_at - interval '2 hours'`);
  await waitFor('the old one to go', async () => {
    const left = await query<{ key: string }>(database.pool, 'select key from notices');
    return left.length === 1 && left[0]?.key === 'stands';
  });
});
