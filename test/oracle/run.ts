import { join } from 'node:path';
import { compareRules, type RuleDisagreement, type RuleGroup, type RulesCompared } from './alerts';
import { print } from './answer';
import { count } from './count';
import { generatedGroups, ruleGroups, tableGroups, tableRules } from './cases';
import { checkGoldens, writeGoldens } from './golden';
import { kindsOf } from './kinds';
import { minimalRule, minimalValue } from './minimal';
import type { Group } from './promtool';
import {
  compareValues,
  withoutUnstable,
  type Compared,
  type Disagreement,
  type ValueQuestion,
} from './values';
import { seriesName, type Dataset } from './dataset';

export interface OracleOptions {
  promtool: string;
  /** How many expressions are generated; a tenth as many rules. */
  runs: number;
  seed: number;
  /** Record the answers as goldens instead of comparing those that were recorded. */
  write: boolean;
}

export const GOLDEN_FOLDER = join(__dirname, '../domain/policy/golden');
const RUNS_PER_RULE = 10;
/** Whoever finds more than that has broken everything, and asking again tells nothing new. */
const MAX_EXAMINED = 100;

/** Vigil's evaluator against Prometheus' own; prints what was compared. False: they disagree. */
export async function runOracle(options: OracleOptions): Promise<boolean> {
  const { promtool, runs, seed } = options;
  if (options.write) {
    say(`recorded: ${await writeGoldens(promtool, GOLDEN_FOLDER)} answers`);
  }
  const generatedRules = Math.ceil(runs / RUNS_PER_RULE);
  const results = [
    await checkValues(promtool, 'table', tableGroups()),
    await checkValues(promtool, 'generated', generatedGroups(runs, seed)),
    await checkRules(promtool, 'rules of the table', tableRules()),
    await checkRules(promtool, 'generated rules', ruleGroups(generatedRules, seed)),
    await checkRecorded(promtool),
  ];
  const isGood = !results.includes(false);
  say(isGood ? 'Vigil and promtool agree' : `they disagree (--runs ${runs} --seed ${seed})`);
  return isGood;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function checkValues(
  promtool: string,
  title: string,
  groups: readonly Group<ValueQuestion>[],
): Promise<boolean> {
  const compared = await compareValues(promtool, groups);
  const found = compared.disagreements.slice(0, MAX_EXAMINED);
  const real = await withoutUnstable(promtool, found);
  count(compared.excluded, 'promtool depends on the order of series', found.length - real.length);
  reportValues(title, groups, { ...compared, disagreements: real });
  const smallest = real.sort((a, b) => a.of.text.length - b.of.text.length)[0];
  if (smallest === undefined) return true;
  showValue(await minimalValue(promtool, smallest));
  return false;
}

function reportValues(
  title: string,
  groups: readonly Group<ValueQuestion>[],
  { agreed, withValues, excluded, disagreements }: Compared,
): void {
  const questions = groups.flatMap((group) => group.questions);
  const expressions = new Set(questions.map(({ expression }) => expression));
  say(`${title}: ${expressions.size} expressions at ${questions.length} times`);
  say(`  ${agreed} answers agree, ${withValues} of them with values`);
  for (const [reason, times] of excluded) if (times > 0) say(`  ${times} left out: ${reason}`);
  if (disagreements.length > 0) say(`  ${disagreements.length} DISAGREE`);
  const kinds = [...kindsOf(expressions)].map(([kind, times]) => `${kind} ${times}`);
  say(`  of: ${kinds.join(', ')}`);
}

function showValue({ of, expected, actual }: Disagreement): void {
  showData(of.dataset);
  say(`  ${of.text}   at ${of.atMs} ms`);
  say(`    promtool: ${print(expected)}`);
  say(`    Vigil:    ${print(actual)}`);
}

function showData(dataset: Dataset): void {
  say(`  a sample every ${dataset.intervalMs} ms from ${dataset.startMs} on:`);
  for (const series of dataset.series) say(`    ${seriesName(series)}  ${series.values}`);
}

async function checkRules(
  promtool: string,
  title: string,
  groups: readonly RuleGroup[],
): Promise<boolean> {
  const compared = await compareRules(promtool, groups);
  reportRules(title, compared);
  const smallest = compared.disagreements.sort(
    (a, b) => a.of.rule.text.length - b.of.rule.text.length,
  )[0];
  if (smallest === undefined) return true;
  showRule(await minimalRule(promtool, smallest));
  return false;
}

function reportRules(title: string, compared: RulesCompared): void {
  const { rules, states, firing, excluded, disagreements } = compared;
  say(`${title}: ${rules} alerts with ${states} states, ${firing} of them firing`);
  for (const [reason, times] of excluded) say(`  ${times} left out: ${reason}`);
  say(disagreements.length === 0 ? '  all agree' : `  ${disagreements.length} DISAGREE`);
}

function showRule({ of, atMs, expected, actual }: RuleDisagreement): void {
  const { rule, dataset, tickMs } = of;
  showData(dataset);
  say(`  ${rule.text}  for ${rule.forMs} ms, keep_firing_for ${rule.keepFiringMs} ms`);
  say(`  every ${tickMs} ms; at ${atMs} ms there fires`);
  say(`    promtool: ${expected.join(' ') || 'nothing'}`);
  say(`    Vigil:    ${actual.join(' ') || 'nothing'}`);
}

async function checkRecorded(promtool: string): Promise<boolean> {
  const { answers, stale } = await checkGoldens(promtool, GOLDEN_FOLDER);
  say(`recorded: ${answers} answers, ${stale.length} of them not what promtool says now`);
  for (const line of stale.slice(0, 10)) say(`  ${line}`);
  return stale.length === 0 && answers > 0;
}
