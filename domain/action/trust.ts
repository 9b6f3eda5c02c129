/**
 * Whether a policy's fixes hold. A false fix is an action that succeeded, and after which the same
 * policy fired again on the same resource too soon.
 */
export interface TrustLimits {
  /** A fix must hold for this long after it was recorded, or for the policy's cooldown if that is longer; ms. */
  holdMs: number;
  /** So many of its last actions that succeeded are looked at … */
  last: number;
  /** … and so many false fixes among them are too many. */
  falseFixes: number;
}

export const TRUST_LIMITS: TrustLimits = { holdMs: 600_000, last: 5, falseFixes: 3 };

/** @param firedAt when the policy fired again; times are epoch ms */
export function isFalseFix(
  fix: { recordedAt: number; firedAt: number; cooldownMs: number },
  { holdMs }: Pick<TrustLimits, 'holdMs'>,
): boolean {
  return fix.firedAt <= fix.recordedAt + Math.max(fix.cooldownMs, holdMs);
}

/**
 * Why a policy is not to act by itself any more; null: its fixes hold.
 *
 * @param fixes its actions that succeeded, newest first: whether each was a false fix
 */
export function distrust(fixes: readonly boolean[], limits: TrustLimits): string | null {
  const recent = fixes.slice(0, limits.last);
  const falseFixes = recent.filter(Boolean).length;
  if (falseFixes < limits.falseFixes) return null;
  return `${falseFixes} of its last ${recent.length} fixes did not hold`;
}
