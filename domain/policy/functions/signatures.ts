import type { AggregateOperator } from '../ast';

/** What a value is: one number, a number per label set, or the samples of a window per series. */
export type ValueType = 'scalar' | 'vector' | 'range';

/** What a function takes and gives; the parser and the checker read nothing else of it. */
export interface Signature {
  params: readonly ValueType[];
  /** How many of the last parameters may be left out. */
  optional: number;
  result: 'scalar' | 'vector';
}

function of(params: readonly ValueType[], result: Signature['result'], optional = 0): Signature {
  return { params, optional, result };
}

const OVER_TIME = of(['range'], 'vector');
const EACH = of(['vector'], 'vector');

/** The functions of the language, as Prometheus 3 has them. */
export const SIGNATURES: Readonly<Record<string, Signature>> = {
  abs: EACH,
  absent: EACH,
  absent_over_time: OVER_TIME,
  avg_over_time: OVER_TIME,
  ceil: EACH,
  changes: OVER_TIME,
  clamp: of(['vector', 'scalar', 'scalar'], 'vector'),
  clamp_max: of(['vector', 'scalar'], 'vector'),
  clamp_min: of(['vector', 'scalar'], 'vector'),
  count_over_time: OVER_TIME,
  delta: OVER_TIME,
  deriv: OVER_TIME,
  exp: EACH,
  floor: EACH,
  idelta: OVER_TIME,
  increase: OVER_TIME,
  irate: OVER_TIME,
  last_over_time: OVER_TIME,
  ln: EACH,
  log10: EACH,
  log2: EACH,
  max_over_time: OVER_TIME,
  min_over_time: OVER_TIME,
  predict_linear: of(['range', 'scalar'], 'vector'),
  present_over_time: OVER_TIME,
  quantile_over_time: of(['scalar', 'range'], 'vector'),
  rate: OVER_TIME,
  resets: OVER_TIME,
  round: of(['vector', 'scalar'], 'vector', 1),
  scalar: of(['vector'], 'scalar'),
  sgn: EACH,
  sqrt: EACH,
  stddev_over_time: OVER_TIME,
  stdvar_over_time: OVER_TIME,
  sum_over_time: OVER_TIME,
  time: of([], 'scalar'),
  timestamp: EACH,
  vector: of(['scalar'], 'vector'),
};

/** The aggregations; true: a scalar comes first, as in `topk(3, x)`. */
export const AGGREGATIONS: Readonly<Record<AggregateOperator, boolean>> = {
  sum: false,
  avg: false,
  min: false,
  max: false,
  count: false,
  group: false,
  stddev: false,
  stdvar: false,
  topk: true,
  bottomk: true,
  quantile: true,
};
