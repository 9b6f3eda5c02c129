const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Longer than anyone waits; keeps sums of durations exact. */
const MAX_MS = 366 * 86_400_000;

/** `500ms`, `5s`, `1h30m`, `1w` → milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w|y))+$/.test(text)) return null;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d|w|y)/g)) {
    ms += Number(amount) * (UNITS[unit ?? ''] ?? NaN);
  }
  const rounded = Math.round(ms);
  return rounded <= MAX_MS && Math.abs(ms - rounded) < 1e-6 ? rounded : null;
}
