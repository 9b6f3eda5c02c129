/** Functions, aggregations and words of PromQL that are not read yet, and what to write instead. */
const REMEDIES: Readonly<Record<string, string>> = {
  on: 'aggregate both sides to the same labels first, as in sum by (host) (x) / sum by (host) (y)',
  ignoring: 'aggregate both sides to the same labels first, as in sum without (cpu) (x)',
  group_left: 'aggregate both sides to the same labels first',
  group_right: 'aggregate both sides to the same labels first',
  count_values: 'write count(x == 5) for each value',
  sort: 'order has no meaning in a condition; leave it out',
  sort_desc: 'order has no meaning in a condition; leave it out',
  sort_by_label: 'order has no meaning in a condition; leave it out',
  sort_by_label_desc: 'order has no meaning in a condition; leave it out',
  pi: 'write 3.141592653589793',
  deg: 'write x * 57.29577951308232',
  rad: 'write x / 57.29577951308232',
  minute: 'write floor(vector(time()) % 3600 / 60), in UTC',
  hour: 'write floor(vector(time()) % 86400 / 3600), in UTC',
  day_of_week: 'write floor(vector(time()) / 86400 + 4) % 7, in UTC with 0 for Sunday',
  histogram_quantile: 'send the quantile as a metric of its own',
  label_replace: 'name the labels as they are; see by (…) and without (…)',
  label_join: 'name the labels as they are; see by (…) and without (…)',
  holt_winters: 'write predict_linear(x[1h], 0) for a smoothed value',
  double_exponential_smoothing: 'write predict_linear(x[1h], 0) for a smoothed value',
  mad_over_time: 'write stddev_over_time(x[5m])',
};

const UNSUPPORTED: ReadonlySet<string> = new Set([
  ...Object.keys(REMEDIES),
  ...'limitk limit_ratio fill fill_left fill_right day_of_month day_of_year days_in_month'.split(
    ' ',
  ),
  ...'month year info first_over_time ts_of_first_over_time ts_of_last_over_time'.split(' '),
  ...'ts_of_max_over_time ts_of_min_over_time histogram_avg histogram_count'.split(' '),
  ...'histogram_fraction histogram_quantiles histogram_stddev histogram_stdvar'.split(' '),
  ...'histogram_sum acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh'.split(' '),
  ...'start end step range max_of min_of'.split(' '),
]);

/** `label_replace(…) is not supported yet; …`; null for a name that PromQL does not have. */
export function unsupported(name: string): string | null {
  const known = name.toLowerCase();
  if (!UNSUPPORTED.has(known)) return null;
  const remedy = REMEDIES[known];
  return `${name}(…) is not supported yet${remedy === undefined ? '' : `; ${remedy}`}`;
}
