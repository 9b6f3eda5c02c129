import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuditEvent } from '../../../domain/audit';
import { insertAudit } from '../../../storage/audit';
import { query } from '../../../storage/database';
import { sealBatch } from '../../../storage/seals';
import { createTestApi, type TestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { waitFor } from '../../support/wait';

let database: TestDatabase;
let api: TestApi;
let port: number;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await createTestApi({ pool: database.pool });
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  port = (api.app.server.address() as AddressInfo).port;
});

afterEach(async () => {
  await api.close();
  await database.drop();
});

interface Reader {
  text: () => string;
  /** The details' numbers of the events read so far. */
  seen: () => number[];
  response: IncomingMessage;
  isEnded: () => boolean;
  abort: () => void;
}

async function read(path: string, headers: Record<string, string> = {}): Promise<Reader> {
  let outgoing: ClientRequest | undefined;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing = request({ host: '127.0.0.1', port, path, headers }, resolve);
    outgoing.on('error', reject).end();
  });
  let text = '';
  let isEnded = false;
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => (text += chunk));
  response.on('end', () => (isEnded = true));
  response.on('error', () => undefined);
  await waitFor('the first bytes', () => text.includes(': connected'));
  return {
    response,
    text: () => text,
    isEnded: () => isEnded,
    abort: () => outgoing?.destroy(),
    seen: () =>
      [...text.matchAll(/^data: (.*)\n\n/gm)].map(
        ([, data]) => (JSON.parse(data ?? '') as { details: { i: number } }).details.i,
      ),
  };
}

function row(i: number, namespace = 'default'): AuditEvent {
  return {
    ...{ namespace, resource: null, policy: null, actionId: null, step: -1, event: 'paused' },
    ...{ actor: 'anonymous', door: 'api', correlationId: null, policyRevision: null },
    details: { i },
  };
}

async function seal(...rows: AuditEvent[]): Promise<void> {
  await insertAudit(database.pool, rows);
  await sealBatch(database.pool, 10_000);
}

test('a reader gets what is sealed from now on, each event with its seal as id', async () => {
  await seal(row(0));
  const reader = await read('/api/v1/events');
  expect(reader.response.headers['content-type']).toBe('text/event-stream');
  await seal(row(1), row(2));
  await waitFor('two events', () => reader.seen().length === 2);
  expect(reader.seen()).toEqual([1, 2]);
  expect(reader.text()).toMatch(/id: 2\nevent: paused\ndata: \{.*"seal":2,.*\}\n\nid: 3\n/);
});

test('a reader that comes back with Last-Event-ID misses nothing', async () => {
  const first = await read('/events');
  await seal(row(1), row(2));
  await waitFor('the first events', () => first.seen().length === 2);
  first.abort();
  await seal(row(3), row(4));
  const second = await read('/events', { 'last-event-id': '1' });
  await waitFor('the rest', () => second.seen().length === 3);
  expect(second.seen()).toEqual([2, 3, 4]);
});

test('a reader may ask for one namespace', async () => {
  const reader = await read('/events?namespace=other', { 'last-event-id': '0' });
  await seal(row(1), row(2, 'other'), row(3), row(4, 'other'));
  await waitFor('its events', () => reader.seen().length === 2);
  expect(reader.seen()).toEqual([2, 4]);
});

test('more rows than one batch reach a reader in order', async () => {
  await seal(...Array.from({ length: 450 }, (_, i) => row(i)));
  const reader = await read('/events', { 'last-event-id': '0' });
  await waitFor('all of them', () => reader.seen().length === 450);
  expect(reader.seen()).toEqual(Array.from({ length: 450 }, (_, i) => i));
});

test('a slow reader holds up nobody, and gets everything once it reads', async () => {
  const slow = await read('/events', { 'last-event-id': '0' });
  slow.response.pause();
  const rows = Array.from({ length: 400 }, (_, i) => ({
    ...row(i),
    details: { i, filler: 'x'.repeat(20_000) },
  }));
  await seal(...rows);
  const quick = await read('/events', { 'last-event-id': '0' });
  await waitFor('the quick reader', () => quick.seen().length === 400);
  expect(slow.seen().length).toBeLessThan(400);
  slow.response.resume();
  await waitFor('the slow reader', () => slow.seen().length === 400);
});

test('readers end cleanly when the server closes', async () => {
  const readers = [await read('/events'), await read('/api/v1/events')];
  await api.app.close();
  await waitFor('the end of both', () => readers.every((reader) => reader.isEnded()));
});

test('a reader that does not read cannot keep the server from closing', async () => {
  const stalled = await read('/events', { 'last-event-id': '0' });
  stalled.response.pause();
  const filler = 'x'.repeat(20_000);
  await seal(...Array.from({ length: 600 }, (_, i) => ({ ...row(i), details: { i, filler } })));
  const quick = await read('/events', { 'last-event-id': '0' });
  await waitFor('the quick reader', () => quick.seen().length === 600);
  await api.app.close();
  stalled.abort();
});

test('nobody listens any more once the last reader has gone', async () => {
  const listeners = async (): Promise<number> =>
    (
      await query(
        database.pool,
        `select 1 from pg_stat_activity
         where datname = current_database() and query like 'listen %'`,
      )
    ).length;
  const readers = [await read('/events'), await read('/events')];
  await waitFor('the listener', async () => (await listeners()) === 1);
  for (const reader of readers) reader.abort();
  await waitFor('no listener', async () => (await listeners()) === 0);
});

test('a nonsensical Last-Event-ID is a problem, not a stream', async () => {
  const answer = await api.app.inject({
    url: '/events',
    headers: { 'last-event-id': 'yesterday' },
  });
  expect(answer.statusCode).toBe(422);
});
