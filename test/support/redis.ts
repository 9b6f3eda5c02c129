/** `describe` for tests that need Redis: left out, and counted as such, where there is none. */
export const describeWithRedis: jest.Describe =
  process.env['VIGIL_TEST_REDIS_URL'] === undefined ? describe.skip : describe;

/** Connection URL of the Redis of this run; for use inside describeWithRedis. */
export function redisUrl(): string {
  const url = process.env['VIGIL_TEST_REDIS_URL'];
  if (url === undefined) throw new Error('there is no Redis: use describeWithRedis');
  return url;
}
