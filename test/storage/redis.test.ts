import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createRedis } from '../../storage/redis';
import { waitFor } from '../support/wait';

const logger = pino({ level: 'silent' });
const url = process.env['VIGIL_TEST_REDIS_URL'];
const withRedis = url === undefined ? test.skip : test;

test('without a URL there is no link', () => {
  expect(createRedis(undefined, logger)).toBeNull();
});

test('while Redis is away nothing blocks or throws, and ping fails soon', async () => {
  const link = createRedis('redis://127.0.0.1:1', logger);
  const started = Date.now();
  link?.publish('channel', {});
  link?.mirror('key', 1);
  await expect(link?.ping()).rejects.toThrow();
  expect(Date.now() - started).toBeLessThan(5000);
  link?.close();
});

withRedis('events reach subscribers as JSON, and mirrored keys are set and deleted', async () => {
  const link = createRedis(url, logger);
  const other = new Redis(url ?? '');
  const subscriber = new Redis(url ?? '');
  const name = `vigil-test:${randomUUID()}`;
  const heard: string[] = [];
  subscriber.on('message', (_channel, message) => heard.push(message));
  await subscriber.subscribe(name);
  await waitFor('the link to be ready', () => link?.client.status === 'ready');

  link?.publish(name, { accepted: 3 });
  link?.mirror(name, { isPaused: false });
  await link?.ping();
  expect(await other.get(name)).toBe('{"isPaused":false}');
  await waitFor('the event', () => heard.length === 1);
  expect(heard).toEqual(['{"accepted":3}']);
  link?.mirror(name, null);
  await link?.ping();
  expect(await other.get(name)).toBeNull();

  link?.close();
  other.disconnect();
  subscriber.disconnect();
});
