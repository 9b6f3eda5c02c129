/** A function of each value of a vector and the scalars of the call. */
export type ValueFunction = (value: number, args: readonly number[]) => number;

export const MATH: Readonly<Record<string, ValueFunction>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sqrt: Math.sqrt,
  sgn: (value) => (value < 0 ? -1 : value > 0 ? 1 : value),
  round: roundTo,
  clamp: (value, [min = NaN, max = NaN]) => larger(min, smaller(max, value)),
  clamp_min: (value, [min = NaN]) => larger(min, value),
  clamp_max: (value, [max = NaN]) => smaller(max, value),
};

/** `math.Max` of Go: infinity wins over NaN. */
function larger(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

function smaller(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}

/** To the nearest multiple; halves go up. */
function roundTo(value: number, [nearest = 1]: readonly number[]): number {
  const inverse = 1 / nearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** `math.Pow` of Go, which differs from `**` where a base of ±1 meets NaN or infinity. */
export function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Infinity) return 1;
  return base ** exponent;
}
