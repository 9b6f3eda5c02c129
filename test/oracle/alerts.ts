import { assessElements } from '../../domain/policy/evaluate';
import type { SeriesWindow } from '../../domain/policy/series';
import { labelKey, parseLabels } from './answer';
import { count } from './count';
import { absentNamedTwice, exclusionOf } from './exclude';
import { durationMs, windowsOf, type Dataset } from './dataset';
import type { OracleRule } from './generate';
import { inParallel, loaded, runTests } from './promtool';

export interface RuleQuestion extends OracleRule {
  text: string;
}

/** Rules over one dataset, evaluated every `tickMs` from its start. */
export interface RuleGroup {
  dataset: Dataset;
  tickMs: number;
  rules: readonly RuleQuestion[];
}

/** For each tick the label sets that fire. */
export type Firing = readonly ReadonlySet<string>[];

export interface RuleCase {
  dataset: Dataset;
  tickMs: number;
  rule: RuleQuestion;
}

export interface RuleDisagreement {
  of: RuleCase;
  atMs: number;
  expected: readonly string[];
  actual: readonly string[];
}

/** Ticks that are looked at: past the end of the data, so that everything has resolved. */
export function ticksOf({ dataset, tickMs }: Pick<RuleGroup, 'dataset' | 'tickMs'>): number[] {
  const count = Math.min(80, Math.ceil((durationMs(dataset) + 420_000) / tickMs));
  return Array.from({ length: count }, (_none, i) => i * tickMs);
}

/** What Vigil says fires at a tick, knowing only what had come by then. */
export function vigilFires({ rule, dataset, tickMs }: RuleCase, now: number): Set<string> {
  const series = windowsOf(dataset).map((one): SeriesWindow => ({
    ...one,
    samples: one.samples.filter(({ ts }) => ts <= now),
  }));
  const { expression, forMs, keepFiringMs } = rule;
  const elements = assessElements(
    {
      expression: { kind: 'present', at: 0, operand: expression },
      forMs,
      ...(keepFiringMs === 0 ? {} : { keepFiringMs }),
    },
    { series, now, intervalMs: null, previous: null, tickMs, countsNeverSeen: true },
  );
  const firing = elements.filter(
    ({ verdict, since }) => verdict === 'true' && now - since >= forMs,
  );
  return new Set(firing.map(({ labels }) => labelKey(labels)));
}

/** One answer per rule; null: promtool refused it. */
export async function askRules(promtool: string, group: RuleGroup): Promise<(Firing | null)[]> {
  const refused = new Set<number>();
  for (;;) {
    const asked = group.rules.flatMap((rule, i) => (refused.has(i) ? [] : [{ rule, i }]));
    const output = await runTests(promtool, testsOf(group, asked));
    const errors = [...output.matchAll(/^ {4}rule: R(\d+), time: .*?, err: /gm)];
    if (errors.length === 0) {
      return parseFiring(output, {
        ticks: ticksOf(group).length,
        asked,
        rules: group.rules.length,
      });
    }
    for (const [, index] of errors) refused.add(Number(index));
  }
}

interface Asked {
  rule: RuleQuestion;
  i: number;
}

const NEVER = [{ exp_labels: { never: 'seen' } }];

function testsOf(group: RuleGroup, asked: readonly Asked[]): Record<string, unknown> {
  const rules = asked.map(({ rule: { text, forMs, keepFiringMs }, i }) => ({
    alert: `R${i}`,
    expr: text,
    for: `${forMs}ms`,
    keep_firing_for: `${keepFiringMs}ms`,
  }));
  const tests = ticksOf(group).flatMap((atMs) =>
    asked.map(({ i }) => ({ alertname: `R${i}`, eval_time: `${atMs}ms`, exp_alerts: NEVER })),
  );
  return {
    'rules.yml': { groups: [{ name: 'oracle', rules }] },
    'alerts.yml': {
      rule_files: ['rules.yml'],
      evaluation_interval: `${group.tickMs}ms`,
      tests: [{ ...loaded(group.dataset), alert_rule_test: tests }],
    },
  };
}

function parseFiring(
  output: string,
  { ticks, asked, rules }: { ticks: number; asked: readonly Asked[]; rules: number },
): (Firing | null)[] {
  const entries = output.split(/^ {4}alertname: /m).slice(1);
  if (entries.length !== ticks * asked.length) {
    throw new Error(`promtool answered ${entries.length} of ${ticks * asked.length}: ${output}`);
  }
  const found: (Set<string>[] | null)[] = Array.from({ length: rules }, () => null);
  for (const { i } of asked) found[i] = [];
  for (const entry of entries) {
    const index = Number(/^R(\d+),/.exec(entry)?.[1]);
    const got = entry.slice(entry.indexOf('        got:'));
    const labels = [...got.matchAll(/Labels:\{(.*)\}$/gm)].map(([, inner = '']) => {
      const own = parseLabels(inner);
      delete own['alertname'];
      return labelKey(own);
    });
    found[index]?.push(new Set(labels));
  }
  return found;
}

export interface RulesCompared {
  /** Rules, and their states at one tick each. */
  rules: number;
  states: number;
  /** States in which something fired. */
  firing: number;
  /** Rules: reason → how many. */
  excluded: Map<string, number>;
  disagreements: RuleDisagreement[];
}

export async function compareRules(
  promtool: string,
  groups: readonly RuleGroup[],
): Promise<RulesCompared> {
  const answers = await inParallel(groups, (group) => askRules(promtool, group));
  const excluded = new Map<string, number>();
  const compared = { rules: 0, states: 0, firing: 0, excluded, disagreements: [] };
  groups.forEach((group, g) => {
    group.rules.forEach((rule, r) => {
      note(compared, { ...group, rule }, answers[g]?.[r] ?? null);
    });
  });
  return compared;
}

function note(compared: RulesCompared, of: RuleCase, firing: Firing | null): void {
  const exclusion = firing === null ? 'one label set twice in a result' : ruleExclusion(of);
  if (firing === null || exclusion !== null) {
    count(compared.excluded, exclusion ?? '');
    return;
  }
  compared.rules += 1;
  compared.states += firing.length;
  compared.firing += firing.filter(({ size }) => size > 0).length;
  const found = firstDisagreement(of, firing);
  if (found !== null) compared.disagreements.push(found);
}

/** Why promtool's answer is no measure at some tick; null: it always is. */
export function ruleExclusion({ rule, dataset, tickMs }: RuleCase): string | null {
  // A rule's text is written anew before it is asked, with the matchers in another order.
  if (absentNamedTwice(rule.expression).length > 0) return 'absent of a label named twice';
  const reasons = ticksOf({ dataset, tickMs }).map((atMs) =>
    exclusionOf({ ...rule, dataset, atMs }),
  );
  return reasons.find((reason) => reason !== null) ?? null;
}

export function firstDisagreement(of: RuleCase, firing: Firing): RuleDisagreement | null {
  for (const [i, expected] of firing.entries()) {
    const actual = vigilFires(of, i * of.tickMs);
    if (expected.size === actual.size && [...expected].every((key) => actual.has(key))) continue;
    return { of, atMs: i * of.tickMs, expected: [...expected], actual: [...actual] };
  }
  return null;
}
