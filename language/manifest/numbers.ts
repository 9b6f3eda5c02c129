import { z } from 'zod';
import type { Share } from '../../domain/policy/policy';

/** A whole number from 1. */
export const count = z.int().min(1, 'must be at least 1');

const PERCENTAGE = /^([1-9]\d?|100)\s*%$/;

/** `3`, or `40%` of something that is named in the message: → Share. */
export function shareField(of: string) {
  const message = `must be a whole number from 1, or a percentage of ${of}: 25%`;
  return z
    .union([count, z.string().regex(PERCENTAGE, message)], message)
    .transform((given): Share =>
      typeof given === 'number'
        ? { kind: 'count', count: given }
        : { kind: 'percent', percent: parseInt(given, 10) },
    );
}
