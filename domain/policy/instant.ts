import type { ValueExpression } from './ast';
import { DEFAULT_LATE_MS, DEFAULT_STALENESS_MS, type SeriesWindow } from './series';
import { compile } from './value/compile';

export interface InstantContext {
  series: readonly SeriesWindow[];
  stalenessMs?: number;
  lateMs?: number;
}

export interface InstantSample {
  name: string | null;
  labels: Readonly<Record<string, string>>;
  value: number;
}

export type InstantValue =
  { kind: 'scalar'; value: number } | { kind: 'vector'; samples: InstantSample[] };

/** What an expression is at a time (epoch ms), exactly as Prometheus 3 answers an instant query. */
export function instantValue(
  expression: ValueExpression,
  { series, stalenessMs = DEFAULT_STALENESS_MS, lateMs = DEFAULT_LATE_MS }: InstantContext,
  time: number,
): InstantValue {
  const env = { series, stalenessMs, lateMs, percentScale: 0.01, reads: [] };
  const program = compile(expression, env);
  if (program.kind === 'scalar') return { kind: 'scalar', value: program.valueAt(time) };
  program.run(time);
  const samples = program.slots.flatMap(({ name, labels }, i) =>
    program.present[i] === true ? [{ name, labels, value: program.values[i] ?? NaN }] : [],
  );
  return { kind: 'vector', samples };
}
