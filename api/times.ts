import { z } from 'zod';

/** A time in answers: RFC 3339, UTC. */
export const timeAnswer = z.string().meta({ format: 'date-time' });

/** Epoch ms → RFC 3339 UTC. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function toTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : toTime(ms);
}
