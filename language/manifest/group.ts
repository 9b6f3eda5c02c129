import { z } from 'zod';
import type { Group, GroupLimits, Storm } from '../../domain/group';
import { resourceKey, type ResourceName } from '../../domain/resource';
import type { SpecPlace } from './kinds';
import { shareField } from './numbers';
import { anything, check, durationField, given, isRecord, type Context } from './shape';
import type { Path } from './source';
import { compileTarget } from './target';

const MEMBERS = 'the members';

export const groupSchema = z.strictObject({ members: anything, limits: anything, storm: anything });

const RANGE = /^\[(\d{1,6})-(\d{1,6})\]$/;
const RANGE_MESSAGE = 'must be a range of unhealthy members, both ends included: "[1-5]"';

const rangeField = z
  .string(RANGE_MESSAGE)
  .regex(RANGE, RANGE_MESSAGE)
  .transform((text) => {
    const [, min, max] = RANGE.exec(text) ?? [];
    return { min: Number(min), max: Number(max) };
  })
  .refine(({ min, max }) => min <= max, 'must have its smaller end first: "[1-5]"')
  .refine(({ max }) => max > 0, 'allows nothing: who is acted on is unhealthy; write "[1-5]"');

export const groupLimitsSchema = z.strictObject({
  maxUnhealthy: shareField(MEMBERS).optional(),
  unhealthyRange: rangeField.optional(),
  maxConcurrent: shareField(MEMBERS).optional(),
});

export const stormSchema = z.strictObject({
  members: shareField(MEMBERS).refine(
    (share) => share.kind === 'percent' || share.count > 1,
    'must be at least 2: one alone is no storm',
  ),
  within: durationField({ fallback: 60_000, min: 1 }),
});

/** Compiles a Group's `spec`; null after reporting what is wrong. */
export function compileGroup(id: ResourceName, { spec, path, context }: SpecPlace): Group | null {
  const data = check(groupSchema, spec, { path, context });
  if (!isRecord(spec)) return null;
  const members = compileTarget(spec['members'], [...path, 'members'], context);
  const limits = compileLimits(given(spec['limits']), [...path, 'limits'], context);
  const isCalm = spec['storm'] === undefined;
  const storm = isCalm ? null : compileStorm(spec['storm'], [...path, 'storm'], context);
  if (!data || !members || !limits || (!isCalm && !storm)) return null;
  if (isCalm && Object.keys(limits).length === 0) {
    const message = 'the group limits nothing: write limits such as { maxUnhealthy: 40% }';
    context.warn(path, message, { part: 'key' });
  }
  return { key: resourceKey(id.namespace, id.name), ...id, members, limits, storm };
}

function compileLimits(value: unknown, path: Path, context: Context): GroupLimits | null {
  const data = check(groupLimitsSchema, value, { path, context });
  if (data === null) return null;
  const { maxUnhealthy, unhealthyRange, maxConcurrent } = data;
  return {
    ...(maxUnhealthy && { maxUnhealthy }),
    ...(unhealthyRange && { unhealthyRange }),
    ...(maxConcurrent && { maxConcurrent }),
  };
}

function compileStorm(value: unknown, path: Path, context: Context): Storm | null {
  const data = check(stormSchema, value, { path, context });
  return data && { members: data.members, withinMs: data.within };
}
