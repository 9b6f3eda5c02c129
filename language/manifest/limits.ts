import { z } from 'zod';
import type { Limits } from '../../domain/policy/policy';
import { count, shareField } from './numbers';
import { keyOf, manifestReference } from './reference';
import { check, type Context } from './shape';
import type { Path } from './source';

export const policyLimitsSchema = z.strictObject({
  attempts: count.default(3),
  perHour: count.default(4),
  maxConcurrent: shareField('the targets').default({ kind: 'count', count: 1 }),
  maxUnhealthy: shareField('the targets').optional(),
  group: manifestReference.optional(),
});

/** A policy's `limits`, with the key of its group; null after reporting what is wrong. */
export function compileLimits(
  value: unknown,
  { path, namespace }: { path: Path; namespace: string },
  context: Context,
): Limits | null {
  const data = check(policyLimitsSchema, value, { path, context });
  if (data === null) return null;
  const { attempts, perHour, maxConcurrent, maxUnhealthy, group } = data;
  return {
    attempts,
    ...(maxConcurrent.kind === 'count'
      ? { maxConcurrent: maxConcurrent.count }
      : { maxConcurrent: 1, maxConcurrentPercent: maxConcurrent.percent }),
    perHour,
    ...(maxUnhealthy && { maxUnhealthy }),
    ...(group !== undefined && { group: keyOf(group, namespace) }),
  };
}
