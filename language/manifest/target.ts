import { z } from 'zod';
import type { PolicyTarget } from '../../domain/policy/policy';
import { anything, check, textMap, type Context } from './shape';
import type { Path } from './source';

export const targetSchema = z.strictObject({
  kind: z.literal('Service').optional(),
  name: z
    .string()
    .regex(/^[a-z0-9*?._@-]+$/, 'must be a name, with * for any characters and ? for one')
    .default('*'),
  labels: anything,
});

/** `{ name: "web-*", labels: {…} }`: which Services of the namespace; null after reporting what is wrong. */
export function compileTarget(value: unknown, path: Path, context: Context): PolicyTarget | null {
  const data = check(targetSchema, value, { path, context });
  const labels = textMap(data?.labels, [...path, 'labels'], context);
  return data && { name: data.name, labels };
}
