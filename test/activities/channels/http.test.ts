import { createHmac } from 'node:crypto';
import { startHttpReceiver, type HttpReceiver } from '../../support/http-receiver';
import { channel, message, secretFiles, soon, told, type SecretFiles } from './support';

let files: SecretFiles;
let receiver: HttpReceiver;

beforeEach(async () => {
  files = secretFiles();
  receiver = await startHttpReceiver();
});
afterEach(async () => {
  await receiver.close();
  files.remove();
});

const bodies = <T>(): T[] => receiver.taken.map(({ body }) => body as T);

interface SlackBody {
  text: string;
  blocks: { text: { text: string } }[];
}

test('slack: nobody can be called by what a resource or a message says', async () => {
  const slack = channel({ type: 'slack', url: files.hold(receiver.url) });
  const title = '<!channel> & <http://evil|click>';
  await slack.send(message(told({ title, text: 'a <@U1>\nb' })), soon());
  const [{ text, blocks } = { text: '', blocks: [] }] = bodies<SlackBody>();
  const escaped = '&lt;!channel&gt; &amp; &lt;http://evil|click&gt;';
  expect(text).toContain(escaped);
  expect(blocks[0]?.text.text).toContain(escaped);
  expect(text + JSON.stringify(blocks)).not.toMatch(/[<>]/);
});

test('slack: what is too long for a block is cut', async () => {
  const slack = channel({ type: 'slack', url: files.hold(receiver.url) });
  await slack.send(message(told({ text: 'x'.repeat(10_000) })), soon());
  const [body] = bodies<SlackBody>();
  expect(body?.blocks[0]?.text.text).toHaveLength(3000);
});

test('json: the signature covers the time and the body', async () => {
  const json = channel(
    { type: 'json', url: `${receiver.url}/hook`, secret: files.hold('key') },
    () => 1_700_000_000_900,
  );
  await json.send(message(told()), soon());
  const [post] = receiver.taken;
  expect(post?.path).toBe('/hook');
  expect(post?.headers).toMatchObject({
    'x-vigil-timestamp': '1700000000',
    'idempotency-key': 'm1',
  });
  const hex = createHmac('sha256', 'key')
    .update(`1700000000.${post?.text ?? ''}`)
    .digest('hex');
  expect(post?.headers['x-vigil-signature']).toBe(`sha256=${hex}`);
});

test('json: a redirect is not followed', async () => {
  const { createServer } = await import('node:http');
  const other = createServer((_, response) => {
    response.writeHead(307, { location: receiver.url }).end();
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const json = channel({ type: 'json', url: `http://127.0.0.1:${port}` });
  await expect(json.send(message(told()), soon())).rejects.toThrow('answered 307');
  expect(receiver.asked()).toBe(0);
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
});

interface Alert {
  labels: Record<string, string>;
  startsAt: string;
  endsAt: string;
}

test('alertmanager: an open alert ends by itself soon, a resolved one when it was resolved, under the same labels', async () => {
  const now = Date.parse('2026-01-02T04:00:00Z');
  const manager = channel({ type: 'alertmanager', url: `${receiver.url}/` }, () => now);
  await manager.send(message(told()), soon());
  const at = Date.parse('2026-01-02T03:59:00Z');
  await manager.send(message(told({ id: 2, isResolved: true, at })), soon());
  const [[open] = [], [over] = []] = bodies<Alert[]>();
  expect(receiver.taken[0]?.path).toBe('/api/v2/alerts');
  expect(open).toMatchObject({
    startsAt: '2026-01-02T03:04:05.000Z',
    endsAt: '2026-01-02T04:05:00.000Z',
  });
  expect(open?.labels).toMatchObject({ alertname: 'VigilHeld', severity: 'warning' });
  expect(over).toMatchObject({
    startsAt: '2026-01-02T03:04:05.000Z',
    endsAt: '2026-01-02T03:59:00.000Z',
  });
  expect(over?.labels).toEqual(open?.labels);
});

test('pagerduty: the resolving event names the incident that the first one opened', async () => {
  const pager = channel({
    type: 'pagerduty',
    url: `${receiver.url}/v2/enqueue`,
    routingKey: files.hold('rk'),
  });
  const key = `held:${'x'.repeat(300)}`;
  await pager.send(message(told({ key, severity: 'critical' })), soon());
  await pager.send(message(told({ key, isResolved: true })), soon());
  const [open, over] = bodies<{ dedup_key: string; payload?: { severity: string } }>();
  expect(open).toMatchObject({ routing_key: 'rk', event_action: 'trigger' });
  expect(open?.payload?.severity).toBe('critical');
  expect(over).toEqual({ routing_key: 'rk', event_action: 'resolve', dedup_key: open?.dedup_key });
  expect(open?.dedup_key.length).toBeLessThanOrEqual(255);
});
