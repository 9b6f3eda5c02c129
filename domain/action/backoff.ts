/** Waits after the first, second, … failed attempt of an episode, ms. */
export const BACKOFF_MS: readonly number[] = [
  0, 2000, 6000, 18_000, 54_000, 162_000, 300_000, 300_000,
];

/** How long to wait after `failures` failed or inconclusive attempts in a row (≥ 1), ms. */
export function backoffMs(failures: number, table: readonly number[] = BACKOFF_MS): number {
  const index = Math.min(Math.max(failures, 1), table.length) - 1;
  return table[index] ?? 0;
}
