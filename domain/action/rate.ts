const HOUR_MS = 3_600_000;

/** When an hour's allowance frees up again, epoch ms; null: it is not used up. `begun` in any order. */
export function rateLimitedUntil(
  begun: readonly number[],
  perHour: number | null,
  now: number,
): number | null {
  if (perHour === null) return null;
  const recent = begun.filter((at) => now - at < HOUR_MS).sort((a, b) => b - a);
  const last = recent[perHour - 1];
  return last === undefined ? null : last + HOUR_MS;
}

/** More edges than this within the window, and what is seen cannot be trusted. */
export const FLAPPING = { edges: 6, windowMs: 600_000 };

/** When a verdict that flaps counts as calm again, epoch ms; null: it does not flap. `edges` in any order. */
export function flappingUntil(
  edges: readonly number[],
  now: number,
  limits: { edges: number; windowMs: number } = FLAPPING,
): number | null {
  const recent = edges.filter((at) => now - at < limits.windowMs).sort((a, b) => b - a);
  const last = recent[limits.edges];
  return last === undefined ? null : last + limits.windowMs;
}
