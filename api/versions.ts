import { z } from 'zod';
import type { ManifestVersionRow } from '../storage/manifests-read';
import { timeAnswer, toTime } from './times';

/** What one revision made of a manifest. */
export const versionAnswer = z.object({
  revision: z.number(),
  createdAt: timeAnswer,
  author: z.string(),
  source: z.string(),
  commit: z.string().nullable(),
  checksum: z.string().nullable().describe('of the document; null: deleted'),
  deleted: z.boolean(),
  file: z.string().nullable(),
  line: z.number().nullable(),
});

export function toVersion({
  createdAt,
  isDeleted,
  ...row
}: ManifestVersionRow): z.output<typeof versionAnswer> {
  return { ...row, createdAt: toTime(createdAt), deleted: isDeleted };
}
