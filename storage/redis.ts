import { Redis } from 'ioredis';
import type { Logger } from '../platform/logger';

const COMMAND_TIMEOUT_MS = 500;
const MAX_RECONNECT_MS = 5000;

/** Redis is for outsiders: events and mirrors go out, nothing is read to decide. */
export interface RedisLink {
  /** For the shared rate limits; commands fail at once while Redis is away. */
  client: Redis;
  /** Sends an event as JSON; lost, not thrown, while Redis is away. */
  publish(channel: string, message: unknown): void;
  /** Sets a key to a JSON text, or deletes it (null); lost, not thrown, while Redis is away. */
  mirror(key: string, value: unknown): void;
  /** Resolves when Redis answers in time, else rejects. */
  ping(): Promise<void>;
  close(): void;
}

/**
 * A link that never blocks or throws while Redis is away: no offline queue, half a second per
 * command, reconnecting for ever. Null without a URL. One server only: no Sentinel, no Cluster yet.
 */
export function createRedis(url: string | undefined, logger: Logger): RedisLink | null {
  if (url === undefined || url === '') return null;
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(times * 100, MAX_RECONNECT_MS),
  });
  let isAway = false;
  client.on('error', (err: Error) => {
    if (!isAway) logger.warn({ err }, 'redis is away; events and mirrors are skipped');
    isAway = true;
  });
  client.on('ready', () => {
    if (isAway) logger.info('redis is back');
    isAway = false;
  });

  // What is lost shows in /health; the next change mirrors the key again.
  const ignore = () => undefined;
  return {
    client,
    publish(channel, message) {
      client.publish(channel, JSON.stringify(message)).catch(ignore);
    },
    mirror(key, value) {
      const done = value === null ? client.del(key) : client.set(key, JSON.stringify(value));
      done.catch(ignore);
    },
    async ping() {
      await client.ping();
    },
    close() {
      client.disconnect();
    },
  };
}
