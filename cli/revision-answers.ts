/** The API's answers about revisions and sources of manifests; loose objects, as in answers.ts. */
import { z } from 'zod';

const time = z.string();

export const SourceRow = z.looseObject({
  source: z.string(),
  revision: z.number().nullable(),
  commit: z.string().nullable(),
  appliedAt: time.nullable(),
  objects: z.number(),
  held: z
    .looseObject({
      ...{ checksum: z.string(), count: z.number(), of: z.number() },
      removals: z.array(z.string()),
    })
    .nullable(),
  pinned: z.looseObject({ revision: z.number(), by: z.string(), reason: z.string() }).nullable(),
  // An older API does not say.
  error: z.looseObject({ message: z.string(), problems: z.array(z.string()) }).nullish(),
});
export type SourceRow = z.output<typeof SourceRow>;

export const RevisionRow = z.looseObject({
  revision: z.number(),
  source: z.string(),
  author: z.string(),
  createdAt: time,
  commit: z.string().nullable(),
  message: z.string().nullable(),
  rolledBackTo: z.number().nullable(),
  reason: z.string().nullable(),
  written: z.number(),
  deleted: z.number(),
});
export type RevisionRow = z.output<typeof RevisionRow>;

export const RolledBack = z.looseObject({
  revision: z.number().nullable(),
  changed: z.array(
    z.looseObject({
      kind: z.string(),
      namespace: z.string(),
      name: z.string(),
      change: z.string(),
    }),
  ),
});

export type RolledBack = z.output<typeof RolledBack>;

export const VersionRow = z.looseObject({
  revision: z.number(),
  createdAt: time,
  author: z.string(),
  source: z.string(),
  commit: z.string().nullable(),
  checksum: z.string().nullable(),
  file: z.string().nullable(),
  line: z.number().nullable(),
});
export type VersionRow = z.output<typeof VersionRow>;

export const VersionDiff = z.looseObject({
  changes: z.array(
    z.looseObject({ op: z.string(), path: z.string(), from: z.unknown(), to: z.unknown() }),
  ),
});
export type VersionDiff = z.output<typeof VersionDiff>;
