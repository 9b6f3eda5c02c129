/** Amounts as people write them. Compiled specs hold numbers: cores and bytes. */

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** `500m`, `0.5`, `2` → cores, exact to a billionth; null: no such amount. */
export function parseCpu(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(m)?$/.exec(text.trim());
  if (match === null) return null;
  const cores = Number(match[1]) / (match[2] === undefined ? 1 : 1000);
  return Math.round(cores * 1e9) / 1e9;
}

/** `1Gi`, `512M`, `1.5G`, `1048576` → whole bytes; null: no such amount. */
export function parseMemory(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?|\.\d+)([KMGTP]i|[kKMGTP])?$/.exec(text.trim());
  if (match === null) return null;
  return Math.round(Number(match[1]) * (MEMORY_UNITS[match[2] ?? ''] ?? 1));
}
