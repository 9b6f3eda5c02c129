import { followChecks, type Check } from '../../agent/checks';
import { createCollectorClient } from '../../agent/collector-client';
import type { Repetition } from '../../agent/schedule';
import { waitFor } from '../support/wait';
import { silent, startCollector, type Answer, type Collector } from './support';

let collector: Collector;
let following: Repetition;
let running: Check[];
let starts: number;

beforeEach(async () => {
  collector = await startCollector();
  running = [];
  starts = 0;
});
afterEach(async () => {
  following.stop();
  await collector.close();
});

function follow(): void {
  following = followChecks({
    client: createCollectorClient({ apiUrl: collector.url, now: () => Date.now() }),
    host: 'db 1',
    intervalMs: 20,
    logger: silent,
    start(check) {
      starts++;
      running.push(check);
      return { stop: () => (running = running.filter((other) => other !== check)) };
    },
  });
}

function list(...items: unknown[]): () => Answer {
  return () => ({ status: 200, body: { host: 'db 1', items } });
}

const HTTP = {
  resource: 'shop/web',
  kind: 'http',
  endpoint: 'http://127.0.0.1:1/health',
  intervalMs: 1500,
  timeoutMs: 700,
  tags: { namespace: 'shop', resource: 'web', host: 'db 1' },
};
const PROCESS = { resource: 'shop/web', kind: 'process', intervalMs: 10 };

async function nextAnswers(count: number): Promise<void> {
  const before = collector.received.length;
  await waitFor('further requests', () => collector.received.length >= before + count);
}

test('the checks of this host are asked for and started, with what they leave out filled in', async () => {
  collector.answer = list(HTTP, PROCESS);
  follow();
  await waitFor('the checks', () => running.length === 2);
  expect(collector.received[0]).toMatchObject({
    path: '/api/v1/agents/db%201/checks',
    headers: { 'user-agent': expect.stringMatching(/^vigil-agent\/\d+\.\d+\.\d+/) as string },
  });
  expect(running).toEqual([
    HTTP,
    {
      resource: 'shop/web',
      kind: 'process',
      endpoint: null,
      intervalMs: 1000,
      timeoutMs: 1000,
      tags: { namespace: 'shop', resource: 'web' },
    },
  ]);
});

test('a check that stays is left alone; one that is gone or changed is stopped', async () => {
  collector.answer = list(HTTP, PROCESS);
  follow();
  await waitFor('the checks', () => running.length === 2);
  collector.answer = list({ ...HTTP, intervalMs: 3000 });
  await waitFor('the change', () => running.length === 1);
  expect(running[0]?.intervalMs).toBe(3000);
  expect(starts).toBe(3);
});

test.each<[string, Answer]>([
  ['fails', { status: 503 }],
  ['answers something else', { status: 200, body: { items: 'none' } }],
])('while the collector %s the last checks go on', async (_what, answer) => {
  collector.answer = list(HTTP);
  follow();
  await waitFor('the check', () => running.length === 1);
  collector.answer = () => answer;
  await nextAnswers(3);
  expect(running).toHaveLength(1);
});

test('a check of an unknown kind does not take the others along', async () => {
  collector.answer = list({ ...HTTP, kind: 'smoke-signals' }, HTTP);
  follow();
  await waitFor('the known check', () => running.length === 1);
});

test('at the end all checks are stopped', async () => {
  collector.answer = list(HTTP);
  follow();
  await waitFor('the check', () => running.length === 1);
  following.stop();
  expect(running).toEqual([]);
});
