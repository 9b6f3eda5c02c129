import { Redis } from 'ioredis';

/** Redis is for outsiders: events and mirrors go out, nothing is read to decide. */
export interface RedisLink {
  /** For the shared rate limits; commands fail at once while Redis is away. */
  client: Redis;
  /** Sends an event; lost, not thrown, while Redis is away. */
  publish(channel: string, message: unknown): void;
  /** Sets a key to a JSON text, or deletes it (null); lost, not thrown, while Redis is away. */
  mirror(key: string, value: unknown): void;
  /** Answers within `timeoutMs`, or throws. */
  ping(timeoutMs: number): Promise<void>;
  close(): void;
}
