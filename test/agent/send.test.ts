import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCollectorClient } from '../../agent/collector-client';
import { samplesAt, type Sample } from '../../agent/sample';
import { createSender, SEND_TIMES, type Sender, type SendTimes } from '../../agent/send';
import { createSpool } from '../../agent/spool';
import { unusedPort } from '../support/stack-ports';
import { waitFor } from '../support/wait';
import { silent, startCollector, type Collector } from './support';

let collector: Collector;
let sender: Sender;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  await sender.stop();
  await collector.close();
});

function createTestSender(
  times: Partial<SendTimes>,
  { url = collector.url, ...options }: { tokenFile?: string; url?: string } = {},
): Sender {
  sender = createSender({
    client: createCollectorClient({ apiUrl: url, now: () => Date.now(), ...options }),
    spool: createSpool(100),
    logger: silent,
    random: () => 0,
    times: { ...SEND_TIMES, lastAttemptMs: 20_000, ...times },
  });
  return sender;
}

function sample(value: number): Sample[] {
  return samplesAt(1000, { host: 'a' }, { n: value });
}

/** The values of each batch that the collector was sent. */
function batches(): number[][] {
  return collector.received.map(({ body }) => (body as Sample[]).map(({ value }) => value));
}

test('samples that are in no hurry go together, with the time at which they were measured', async () => {
  const { add } = createTestSender({ batchMs: 50 });
  add(sample(1));
  add(sample(2));
  await waitFor('a batch', () => collector.received.length > 0);
  expect(collector.received).toMatchObject([
    {
      method: 'POST',
      path: '/api/v1/ingest',
      body: [
        { name: 'n', value: 1, tags: { host: 'a' }, timestamp: 1000, source: 'agent' },
        { name: 'n', value: 2, tags: { host: 'a' }, timestamp: 1000, source: 'agent' },
      ],
    },
  ]);
});

test('an urgent sample goes at once and takes along what waits', async () => {
  const { add } = createTestSender({ batchMs: 60_000 });
  add(sample(1));
  add(sample(2), true);
  await waitFor('a batch', () => collector.received.length > 0);
  expect(batches()).toEqual([[1, 2]]);
});

test('each request has an id of its own, and the token that the file holds now', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-agent-'));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'first\n');
  const { add } = createTestSender({}, { tokenFile });
  add(sample(1), true);
  await waitFor('a batch', () => collector.received.length === 1);
  writeFileSync(tokenFile, 'second\n');
  add(sample(2), true);
  await waitFor('another', () => collector.received.length === 2);
  rmSync(folder, { recursive: true });
  const headers = collector.received.map((received) => received.headers);
  expect(headers.map(({ authorization }) => authorization)).toEqual([
    'Bearer first',
    'Bearer second',
  ]);
  expect(new Set(headers.map((header) => header['x-request-id'])).size).toBe(2);
});

test.each([500, 503, 429, 401])('after %i a batch is sent again, in order', async (status) => {
  let failures = 2;
  const accepted: number[] = [];
  collector.answer = ({ body }) => {
    if (failures-- > 0) return { status };
    accepted.push(...(body as Sample[]).map(({ value }) => value));
    return { status: 201 };
  };
  const { add } = createTestSender({ backoffMs: 10, batchMs: 10 });
  add(sample(1), true);
  await waitFor('a failure', () => collector.received.length > 0);
  add(sample(2));
  await waitFor('both samples', () => accepted.length === 2);
  expect(accepted).toEqual([1, 2]);
});

test('Retry-After is waited out, also by urgent samples', async () => {
  let isFirst = true;
  collector.answer = () => {
    const answer = isFirst ? { status: 503, headers: { 'retry-after': '1' } } : { status: 201 };
    isFirst = false;
    return answer;
  };
  const { add } = createTestSender({ backoffMs: 1 });
  const start = performance.now();
  add(sample(1), true);
  await waitFor('the refusal', () => collector.received.length === 1);
  add(sample(2), true);
  await waitFor('the second request', () => collector.received.length === 2);
  expect(performance.now() - start).toBeGreaterThan(900);
  expect(batches()).toEqual([[1], [1, 2]]);
});

test('while the collector is away samples wait, and go when it is back', async () => {
  await collector.close();
  const port = await unusedPort();
  let tries = 0;
  const away = createServer((socket) => {
    tries += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => away.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${port}`;
  const { add } = createTestSender({ backoffMs: 20, maxBackoffMs: 40 }, { url });
  add(sample(1), true);
  add(sample(2), true);
  await waitFor('a try', () => tries > 0);
  await new Promise((resolve) => away.close(resolve));
  collector = await startCollector(port);
  await waitFor('the samples', () => collector.received.length > 0);
  expect(batches()).toEqual([[1, 2]]);
});

test('a refused batch loses only the samples that are named as bad', async () => {
  const problems = [{ index: 1, field: 'value', message: 'must be finite' }];
  collector.answer = ({ body }) =>
    (body as unknown[]).length > 2 ? { status: 422, body: { problems } } : { status: 201 };
  const { add } = createTestSender({ batchMs: 60_000 });
  add([...sample(1), ...sample(2), ...sample(3)], true);
  await waitFor('the second request', () => collector.received.length === 2);
  expect(batches()).toEqual([
    [1, 2, 3],
    [1, 3],
  ]);
});

test('a batch that is refused as a whole is dropped, and the next one goes', async () => {
  collector.answer = () => ({ status: collector.received.length === 0 ? 422 : 201 });
  const { add } = createTestSender({});
  add(sample(1), true);
  await waitFor('the refusal', () => collector.received.length === 1);
  add(sample(2), true);
  await waitFor('the next batch', () => collector.received.length === 2);
  expect(batches()).toEqual([[1], [2]]);
});

test('a batch that is too large is halved', async () => {
  collector.answer = ({ body }) => ({ status: (body as unknown[]).length > 2 ? 413 : 201 });
  const { add } = createTestSender({});
  add([...sample(1), ...sample(2), ...sample(3)], true);
  await waitFor('all of it', () => batches().length === 3);
  expect(batches()).toEqual([[1, 2, 3], [1, 2], [3]]);
});

test('what waits at the end is sent, and a collector that is away does not hold up the end', async () => {
  const { add, stop } = createTestSender({ batchMs: 60_000 });
  add(sample(1));
  await stop();
  expect(batches()).toEqual([[1]]);

  const late = createTestSender({ lastAttemptMs: 50 });
  collector.answer = () => ({ status: 503 });
  late.add(sample(2));
  await late.stop();
});
