import { z } from 'zod';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `250ms`, `5s`, `1m`, or a number of milliseconds → milliseconds. */
export const duration = z.union([z.number(), z.string()]).transform((given, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(String(given).trim());
  if (match === null) {
    context.addIssue({
      code: 'custom',
      message: `"${given}" is no duration; write 500ms, 10s, 5m, 1h`,
    });
    return z.NEVER;
  }
  return Number(match[1]) * UNITS[(match[2] ?? 'ms') as keyof typeof UNITS];
});

/** A TCP port, also as text from the environment; 0 lets the system pick one. */
export const port = z.coerce.number().int().min(0).max(65_535);

/** `true`/`false`, also as text from the environment. */
export const flag = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((text) => text === 'true'),
]);

/** A list of texts; from the environment as one text, separated by commas. */
export const textList = z.union([
  z.array(z.string().min(1, 'must not be empty')),
  z.string().transform((text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  ),
]);

export const home = z.string().default('.vigil');

/** Base of the API as people reach it from elsewhere, for the links that they are sent. */
export const publicUrl = z.url({ protocol: /^https?$/ }).optional();

export const databaseSection = z
  .strictObject({
    url: z.string().min(1).default('postgres://vigil:vigil@127.0.0.1:5432/vigil'),
    poolSize: z.coerce.number().int().min(1).default(10),
  })
  .prefault({});

export const redisSection = z.strictObject({ url: z.string().optional() }).prefault({});

/** Temporal's own variables (TEMPORAL_ADDRESS, TEMPORAL_API_KEY, …) come through @temporalio/envconfig. */
export const temporalSection = z
  .strictObject({
    address: z.string().optional(),
    namespace: z.string().optional(),
  })
  .prefault({});

export const logSection = z
  .strictObject({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  })
  .prefault({});
