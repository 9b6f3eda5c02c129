import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Evaluate from '../../domain/policy/evaluate';
import { readingOf } from '../../domain/policy/reading';
import type { Sample, SeriesWindow } from '../../domain/policy/series';
import { parseCondition } from '../../language/expression/parser';
import type { Bench } from './bench';
import { POLICIES, samplesOf, valueOf } from './fleet';
import { built } from './built';
import { findPromtool } from './promtool';

const { assess } = built('domain/policy/evaluate') as typeof Evaluate;

export interface Pure {
  perSecond: number;
  rows: { name: string; sort: string; micros: number }[];
  promtool: { perSecond: number } | null;
}

const INTERVAL_MS = 10_000;
const SPAN_MS = 60 * 60_000;
const MEASURED_MS = 10 * 60_000;

/** The same rules over the same hour of samples: a look at each tick of its last ten minutes. */
export function comparePure(bench: Bench, resources: number): Pure {
  bench.say('the evaluator alone');
  const rows = POLICIES.map((policy) => ({
    ...policy,
    micros: measure(policy.condition, resources),
  }));
  const micros = rows.reduce((sum, row) => sum + row.micros, 0) / rows.length;
  const path = findPromtool();
  bench.say(path === null ? 'promtool is not there' : 'promtool on the same rules');
  return {
    rows,
    perSecond: 1e6 / micros,
    promtool: path === null ? null : { perSecond: measurePromtool(path, resources) },
  };
}

/** Microseconds per evaluation, stepping on from the verdict before as the detector does. */
function measure(text: string, resources: number): number {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(`${text}: ${JSON.stringify(parsed.problems)}`);
  const { condition } = parsed;
  const { lookbackMs } = readingOf({ condition });
  const fleet = Array.from({ length: resources }, (_, i) => windowsOf(i));
  let count = 0;
  const begun = performance.now();
  for (const windows of fleet) {
    let previous: Evaluate.PreviousVerdict | null = null;
    for (let now = SPAN_MS - MEASURED_MS; now < SPAN_MS; now += INTERVAL_MS) {
      const series = windows.map((one) => ({
        ...one,
        samples: slice(one.samples, now - lookbackMs, now),
      }));
      const { verdict, since } = assess(condition, { series, now, intervalMs: null, previous });
      previous = { verdict, since, evaluatedTo: now };
      count += 1;
    }
  }
  return ((performance.now() - begun) * 1000) / count;
}

function slice(samples: readonly Sample[], from: number, to: number): readonly Sample[] {
  const first = Math.max(0, Math.ceil(from / INTERVAL_MS));
  return samples.slice(first, Math.floor(to / INTERVAL_MS) + 1);
}

function windowsOf(resource: number): SeriesWindow[] {
  return samplesOf(resource, 0).map(({ name, tags }) => ({
    name,
    tags,
    samples: Array.from({ length: SPAN_MS / INTERVAL_MS }, (_, i) => {
      const ts = i * INTERVAL_MS;
      return { ts, value: valueOf(name, resource, ts), receivedAt: ts };
    }),
  }));
}

/** Rule evaluations per second of a whole promtool run, less one over the same samples without rules. */
function measurePromtool(path: string, resources: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-bench-'));
  try {
    const withRules = run(path, folder, resources, true);
    const without = run(path, folder, resources, false);
    const ticks = SPAN_MS / INTERVAL_MS;
    return (POLICIES.length * resources * ticks) / Math.max(0.001, withRules - without);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const RULES: Readonly<Record<string, string>> = {
  simple: 'cpu_usage > 0.9',
  average: 'avg_over_time(cpu_usage[5m]) > 0.8',
  rate: 'rate(requests_total[5m]) > 1000',
  errors: 'sum by (resource) (errors) > 1000',
  // PromQL has no trend; a regression over the same window is what its users write.
  leak: 'deriv(memory_usage[30m]) > 1e9',
};

function run(path: string, folder: string, resources: number, hasRules: boolean): number {
  const rules = Object.entries(RULES).map(([alert, expr]) => ({ alert, expr }));
  const groups = hasRules ? [{ name: 'bench', interval: '10s', rules }] : [];
  writeFileSync(join(folder, 'rules.yaml'), JSON.stringify({ groups }));
  const series = Array.from({ length: resources }, (_, i) => windowsOf(i)).flat();
  const input_series = series.map(({ name, tags, samples }) => ({
    series: `${name}{${Object.entries(tags)
      .map(([label, value]) => `${label}="${value}"`)
      .join(',')}}`,
    values: samples.map(({ value }) => value).join(' '),
  }));
  const test = {
    rule_files: ['rules.yaml'],
    evaluation_interval: '10s',
    tests: [
      {
        interval: '10s',
        input_series,
        alert_rule_test: [{ eval_time: '59m50s', alertname: 'simple', exp_alerts: [] }],
      },
    ],
  };
  writeFileSync(join(folder, 'test.yaml'), JSON.stringify(test));
  const begun = performance.now();
  const { status, stderr } = spawnSync(path, ['test', 'rules', join(folder, 'test.yaml')], {
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new Error(`promtool ended with ${String(status)}: ${stderr.slice(0, 500)}`);
  return (performance.now() - begun) / 1000;
}
