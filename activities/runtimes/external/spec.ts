import { z } from 'zod';
import type { RuntimeCatalogue } from '../../../domain/action/runtime';
import type { ExternalSpec } from '../../../domain/runtime-spec';

const EXTERNAL_SCHEMA = z.strictObject({
  type: z.literal('external'),
}) satisfies z.ZodType<ExternalSpec>;

/** Runtime `external`: somebody else runs it and reports its state; policies may only tell people. */
export const EXTERNAL_CATALOGUE: RuntimeCatalogue = {
  type: 'external',
  schema: EXTERNAL_SCHEMA,
  verbs: [],
  aliases: {},
};
