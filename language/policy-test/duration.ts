const UNITS = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Prometheus' durations: whole numbers, units from the largest down, `1d12h`, or `0`; null for anything else. */
export function parsePromDuration(text: string): number | null {
  if (text === '0') return 0;
  const found = text === '' ? null : DURATION.exec(text);
  if (found === null) return null;
  const ms = UNITS.reduce((sum, [, size], i) => sum + Number(found[i + 1] ?? 0) * size, 0);
  return Number.isSafeInteger(ms) ? ms : null;
}

/** The same, written back: 5400000 → `1h30m`. */
export function printPromDuration(ms: number): string {
  let left = ms;
  const parts = UNITS.map(([unit, size]) => {
    // Weeks and years only where nothing is left over, so that 8 days stay `8d`.
    const isWhole = unit === 'y' || unit === 'w' ? left % size === 0 : true;
    const count = isWhole ? Math.floor(left / size) : 0;
    left -= count * size;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}

/** Epoch seconds (`1757894400`, `0.5`) or RFC 3339, in epoch ms; null for anything else. */
export function parseStart(text: string): number | null {
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const isRfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text);
  const time = isRfc3339 ? Date.parse(text.toUpperCase()) : NaN;
  return Number.isNaN(time) ? null : time;
}
