import { z } from 'zod';
import type { ObservedState } from '../domain/action/runtime';
import { parseCpu, parseMemory } from '../domain/quantity';
import { checkTimestamp } from './ingest/fields';

/** What a reporter of observed state may send: an ObservedState in words for people. */

const MAX_TEXT = 32_768;
const MAX_ITEMS = 1000;
/** PostgreSQL keeps neither in JSON. */
const UNSTORABLE = /\0|\p{Cs}/u;

const text = z
  .string()
  .max(MAX_TEXT)
  .refine((given) => !UNSTORABLE.test(given), 'contains a NUL character or half a surrogate pair');
const name = text.min(1).max(500);

function record<S extends z.ZodType>(value: S) {
  return z
    .record(name, value)
    .refine((given) => Object.keys(given).length <= MAX_ITEMS, `has more than ${MAX_ITEMS} fields`);
}

/** `500m` or a number of cores; null: no limit. */
const cpuField = z.union([z.number(), z.string()]).transform((given, context) => {
  const cores = parseCpu(String(given));
  if (cores !== null) return cores;
  context.addIssue({ code: 'custom', message: 'must be an amount of CPU such as 500m or 2' });
  return z.NEVER;
});

/** `1Gi` or a number of bytes; null: no limit. */
const memoryField = z.union([z.number(), z.string()]).transform((given, context) => {
  const bytes = parseMemory(String(given));
  if (bytes !== null) return bytes;
  context.addIssue({ code: 'custom', message: 'must be an amount of memory such as 512Mi or 1Gi' });
  return z.NEVER;
});

const instant = z.union([z.number(), z.string()]).transform((given, context) => {
  const checked = checkTimestamp(given);
  if (checked.ok) return checked.value;
  context.addIssue({ code: 'custom', message: checked.message });
  return z.NEVER;
});

const file = z.strictObject({
  path: name,
  sha256: text
    .regex(/^(sha256:)?[0-9a-fA-F]{64}$/, 'must be a SHA-256 in 64 hex digits')
    .nullable()
    .describe('null: the file is not there'),
  mode: text.regex(/^[0-7]{3,5}$/, 'must be octal digits such as 0640').optional(),
  owner: name.optional().describe('`user` or `user:group`'),
});

const attribution = z.strictObject({
  from: z.enum(['event', 'file', 'git']),
  by: text.min(1).nullable(),
  at: instant.nullable(),
  what: text.min(1),
});

const ms = z.number().min(0);
const healthCheck = z.strictObject({
  command: z.array(text).min(1).max(MAX_ITEMS),
  interval: ms,
  timeout: ms,
  retries: z.number().int().min(0),
  startPeriod: ms,
});

export const reportBody = z.strictObject({
  isRunning: z.boolean(),
  isAbsent: z.boolean().default(false).describe('true: it was never started there'),
  identity: name.nullable().default(null).describe('changes with every new incarnation'),
  image: name.nullable().optional(),
  command: z.array(text).max(MAX_ITEMS).nullable().default(null),
  env: record(text.nullable()).nullable().default(null),
  config: z.array(file).max(MAX_ITEMS).default([]),
  replicas: z.number().int().min(0).optional(),
  resources: z
    .strictObject({
      cpu: cpuField.nullable().optional(),
      memory: memoryField.nullable().optional(),
    })
    .optional()
    .describe('`500m` or cores, `1Gi` or bytes; null: no limit'),
  labels: record(text).optional(),
  ports: z
    .array(name)
    .max(MAX_ITEMS)
    .optional()
    .describe('as a manifest writes them: `127.0.0.1:8080:80`'),
  volumes: z
    .array(name)
    .max(MAX_ITEMS)
    .optional()
    .describe('as a manifest writes them, without anonymous ones: `/srv/data:/data:ro`'),
  networks: z
    .array(name)
    .max(MAX_ITEMS)
    .optional()
    .describe("names of those that it is on; `default`: the engine's own"),
  healthCheck: healthCheck.nullable().optional().describe('null: none but what the image brings'),
  version: name.nullable().optional(),
  health: z.enum(['healthy', 'unhealthy', 'starting']).nullable().optional(),
  attribution: record(attribution)
    .optional()
    .describe('by JSON pointer of the fact: how it came to be as it is'),
  details: record(z.union([text, z.number(), z.null()]))
    .optional()
    .describe('for people; never compared'),
  observedAt: instant
    .optional()
    .describe('when it was seen, RFC 3339 or epoch milliseconds; default: now'),
  revision: z
    .number()
    .int()
    .optional()
    .describe('of the manifest that the reporter knows; another one in force answers 409'),
});
export type ReportBody = z.output<typeof reportBody>;

/** A field that nobody sent is absent: it was not looked at. */
export function observedOf(body: ReportBody): ObservedState {
  const { resources } = body;
  const given = {
    ...body,
    observedAt: undefined,
    revision: undefined,
    resources: resources && withoutUndefined(resources),
  };
  return withoutUndefined(given) as ObservedState;
}

function withoutUndefined<T extends object>(given: T): Partial<T> {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}
