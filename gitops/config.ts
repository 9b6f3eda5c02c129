import { normalize } from 'node:path';
import { z } from 'zod';
import { databaseSection, duration, home, logSection, port } from '../platform/config-sections';

const MIN_INTERVAL_MS = 1000;

/** `a, b` or a list; the same folder twice is one. */
const folders = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(','))])
  .transform((paths) => [
    ...new Set(paths.map((path) => path.trim()).flatMap((path) => (path === '' ? [] : tidy(path)))),
  ]);

export const gitopsConfigSchema = z.object({
  home,
  database: databaseSection,
  log: logSection,
  gitops: z
    .strictObject({
      /** Where /health, /metrics and /status listen. */
      host: z.string().default('127.0.0.1'),
      port: port.default(8082),
      /** Folders are watched; this is how often they are read all the same. */
      interval: duration.transform((ms) => Math.max(ms, MIN_INTERVAL_MS)).prefault('10s'),
      /** Folders of manifests, relative to the working directory. */
      folders: folders.prefault('manifests/demo'),
    })
    .prefault({}),
});

export type GitopsConfig = z.output<typeof gitopsConfigSchema>;

function tidy(path: string): string {
  return normalize(path).replace(/(?<=.)\/+$/, '');
}
