import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createRedis, type RedisLink } from '../../../storage/redis';
import { createTestApi } from '../../support/api';
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { describeWithRedis, redisUrl } from '../../support/redis';
import { waitFor } from '../../support/wait';

describeWithRedis('with Redis', () => {
  let database: TestDatabase;
  let redis: RedisLink | null;
  beforeAll(async () => {
    database = await createTestDatabase();
    const link = createRedis(redisUrl(), pino({ level: 'silent' }));
    redis = link;
    // The server is there, and merely busy.
    if (link !== null) link.client.options.commandTimeout = 30_000;
    await waitFor('the link to be ready', () => link?.client.status === 'ready');
  });
  afterAll(async () => {
    redis?.close();
    await database.drop();
  });

  test('outsiders hear of what was stored', async () => {
    const api = await createTestApi({ pool: database.pool, deps: { redis } });
    const subscriber = new Redis(redisUrl());
    const heard: string[] = [];
    subscriber.on('message', (_channel, message) => heard.push(message));
    await subscriber.subscribe('metrics:ingested');
    const requestId = randomUUID();
    const payload = Array.from({ length: 25 }, (_, i) => ({ name: `m${i}`, value: i }));
    await api.app.inject({
      method: 'POST',
      url: '/ingest',
      payload,
      headers: { 'x-request-id': requestId },
    });
    const event = await waitFor('the event', () => heard.find((text) => text.includes(requestId)));
    expect(JSON.parse(event)).toEqual({
      accepted: 25,
      names: payload.slice(0, 20).map(({ name }) => name),
      requestId,
    });
    subscriber.disconnect();
    await api.close();
  });

  test('two processes share the limit of a client', async () => {
    const config = { rateLimit: 2 };
    const first = await createTestApi({ pool: database.pool, deps: { redis }, config });
    const second = await createTestApi({ pool: database.pool, deps: { redis }, config });
    const remoteAddress = `10.${Array.from(randomUUID().slice(0, 3), (c) => parseInt(c, 16)).join('.')}`;
    const ask = async ({ app }: typeof first) =>
      (await app.inject({ url: '/query', remoteAddress })).statusCode;
    expect([await ask(first), await ask(second), await ask(first), await ask(second)]).toEqual([
      200, 200, 429, 429,
    ]);
    await first.close();
    await second.close();
  });
});
