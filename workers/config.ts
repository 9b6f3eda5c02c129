import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { isRange } from '../platform/address-ranges';
import { checkRoutes, NOTICE_FIELDS } from '../activities/notices/settings';
import {
  databaseSection,
  duration,
  flag,
  home,
  logSection,
  port,
  publicUrl,
  temporalSection,
  textList,
} from '../platform/config-sections';

export const workerConfigSchema = z.object({
  home,
  publicUrl,
  database: databaseSection,
  temporal: temporalSection,
  log: logSection,
  api: z
    .object({
      /** File that holds the API's bearer token: a host reports with it. */
      tokenFile: z.string().optional(),
    })
    .prefault({}),
  worker: z
    .strictObject({
      /** Where /health and /metrics listen. */
      host: z.string().default('127.0.0.1'),
      port: port.default(8081),
      /** Act for this host only: its runtimes, without database and workflows (`--host`). */
      hostName: z
        .string()
        .regex(
          /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/,
          'must be a name of a host, as in manifests',
        )
        .optional(),
      /** The API that the worker of a host reports the state of its resources to. Default: they are not observed. */
      apiUrl: z.url({ protocol: /^https?$/ }).optional(),
      /** How often the observer looks at a resource whose runtime does not tell of changes, or that changed lately. */
      observeInterval: duration.default(2000),
      /** How often it looks at one that is quiet and whose runtime tells of changes by itself (docker). */
      resyncInterval: duration.default(15_000),
      /** How often requests of lost workflows are looked for. */
      reapInterval: duration.default(30_000),
      /** Days of samples older than this are dropped. */
      retention: duration.default(30 * 86_400_000),
      /** Accept plain approve, reject and cancel signals; default: while Temporal is on loopback. */
      unsignedSignals: flag.optional(),
      /** Default: `keys/approval.key` in the home folder. */
      approvalKeyFile: z.string().optional(),
      script: z
        .strictObject({
          /** Folders whose programs runtime `script` may run; links out of them are refused. Default: none. */
          folders: textList
            .refine(
              (all) => all.every(isAbsolute),
              'must hold full paths, such as /etc/vigil/scripts',
            )
            .default([]),
        })
        .prefault({}),
      webhook: z
        .strictObject({
          /** Addresses and CIDR ranges that runtime `webhook` may reach although they are not public. Default: none. */
          allowPrivate: textList
            .refine(
              (all) => all.every(isRange),
              'must hold addresses or ranges, such as 10.0.0.0/8',
            )
            .default([]),
        })
        .prefault({}),
      docker: z
        .strictObject({
          /** The engine's socket, or a URL as in DOCKER_HOST; default: DOCKER_HOST, else /var/run/docker.sock. */
          socket: z.string().min(1).optional(),
        })
        .prefault({}),
      maxCachedWorkflows: z.coerce.number().int().min(1).default(200),
      /** Whom to tell what. */
      ...NOTICE_FIELDS,
    })
    .superRefine(checkRoutes)
    .prefault({}),
});

export type WorkerConfig = z.output<typeof workerConfigSchema>;
