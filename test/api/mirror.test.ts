import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { startMirror, type Mirror } from '../../api/mirror';
import type { AuditEvent } from '../../domain/audit';
import { insertAudit } from '../../storage/audit';
import { query } from '../../storage/database';
import { applyRevision } from '../../storage/manifests';
import { createRedis, type RedisLink } from '../../storage/redis';
import { sealBatch } from '../../storage/seals';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { service } from '../support/manifest-objects';
import { describeWithRedis, redisUrl } from '../support/redis';
import { waitFor } from '../support/wait';

describeWithRedis('what Redis is told', () => {
  const logger = pino({ level: 'silent' });
  /** Of its own, since all tests of a run share one Redis. */
  const name = `mirror-${randomUUID().slice(0, 8)}`;
  const resource = `default/${name}`;
  let database: TestDatabase;
  let redis: RedisLink;
  let outsider: Redis;
  let mirror: Mirror;

  beforeEach(async () => {
    database = await createTestDatabase();
    outsider = new Redis(redisUrl());
    const link = createRedis(redisUrl(), logger);
    if (link === null) throw new Error('a URL makes a link');
    redis = link;
    await apply([name]);
    mirror = startMirror({ pool: database.pool, redis, logger });
    await waitFor('the first mirror', () => get(`desired_state:${resource}`));
  });

  afterEach(async () => {
    await mirror.close();
    redis.close();
    await outsider.del(`desired_state:${resource}`, `action_locks:${resource}`);
    outsider.disconnect();
    await database.drop();
  });

  async function get(key: string): Promise<Record<string, unknown> | null> {
    const text = await outsider.get(key);
    return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
  }

  async function apply(names: string[], command = 'true'): Promise<void> {
    const runtime = { type: 'process' as const, command: [command], env: {}, cwd: '.' };
    await applyRevision(database.pool, {
      source: 'folder',
      author: 'vigil',
      correlationId: null,
      mode: 'replaceSource',
      objects: names.map((one) => service(one, { runtime: { ...runtime, stopWithVigil: false } })),
      deletions: [],
    });
  }

  async function happen(event: AuditEvent['event'], actionId: string | null): Promise<void> {
    await insertAudit(database.pool, [
      {
        ...{ namespace: 'default', resource, policy: null, actionId, step: -1, event },
        ...{ actor: 'vigil', door: 'policy', correlationId: 'r1', policyRevision: 1, details: {} },
      },
    ]);
    await sealBatch(database.pool, 100);
  }

  async function grant(actionId: string): Promise<void> {
    await query(
      database.pool,
      `insert into requests (action_id, resource, policy, generation, episode, attempt, target, severity, since,
         policy_revision, plan, state, waiter)
       values ($1, $2, null, 1, 1, 1, $2, 'warning', now(), 1, '{}', 'granted', 'x')`,
      [actionId, resource],
    );
    await query(database.pool, 'insert into slots (action_id, target) values ($1, $2)', [
      actionId,
      resource,
    ]);
  }

  test('desired state follows the manifests and goes with them', async () => {
    expect(await get(`desired_state:${resource}`)).toMatchObject({
      runtime: { command: ['true'] },
    });
    await apply([name], 'false');
    await waitFor('the new spec', async () => {
      const desired = await get(`desired_state:${resource}`);
      return JSON.stringify(desired).includes('"false"');
    });
    await apply([]);
    await waitFor('its end', async () => (await get(`desired_state:${resource}`)) === null);
  });

  test('a lock appears when the slot is granted and goes when the action is recorded', async () => {
    const actionId = randomUUID();
    await grant(actionId);
    await happen('admitted', actionId);
    const lock = await waitFor('the lock', () => get(`action_locks:${resource}`));
    expect(lock).toMatchObject({ actionId, token: expect.any(Number) as number });

    await query(database.pool, 'delete from slots');
    await happen('recorded', actionId);
    await waitFor('no lock', async () => (await get(`action_locks:${resource}`)) === null);
  });

  test('a lock that was left by an earlier process is put right at the start', async () => {
    await mirror.close();
    await outsider.set(`action_locks:${resource}`, '{"actionId":"long over"}');
    mirror = startMirror({ pool: database.pool, redis, logger });
    await waitFor('no lock', async () => (await get(`action_locks:${resource}`)) === null);
  });

  test('requests and drift are published, other rows are not', async () => {
    const heard: [string, string][] = [];
    const subscriber = new Redis(redisUrl());
    await subscriber.subscribe('actions:requested', 'drift:detected');
    subscriber.on('message', (channel, text) => {
      const row = JSON.parse(text) as { resource: string; event: string };
      if (row.resource === resource) heard.push([channel, row.event]);
    });
    await happen('requested', randomUUID());
    await happen('admitted', randomUUID());
    await happen('drift_detected', null);
    await waitFor('both messages', () => heard.length === 2);
    subscriber.disconnect();
    expect(heard).toEqual([
      ['actions:requested', 'requested'],
      ['drift:detected', 'drift_detected'],
    ]);
  });
});
